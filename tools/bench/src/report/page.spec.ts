import { describe, expect, it } from '@jest/globals';
import { figure } from './figures.ts';
import { fillIn } from './page.ts';

describe('the page', () => {
  const page = 'By hand.\n\n<!-- P1: generated -->\nold\n<!-- P1: end -->\n\nBy hand, too.\n';

  it('gets new tables between its markers, and nothing else', () => {
    const once = fillIn(page, new Map([['P1', '| new |']]));
    expect(once).toBe('By hand.\n\n<!-- P1: generated -->\n\n| new |\n\n<!-- P1: end -->\n\nBy hand, too.\n');
    expect(fillIn(once, new Map([['P1', '| new |']]))).toBe(once);
  });

  it('must have them', () => {
    expect(() => fillIn(page, new Map([['P2', 'x']]))).toThrow('no section "<!-- P2: generated -->"');
  });
});

describe('figure', () => {
  it.each([
    [1.6649, '1.66'],
    [107.34, '107'],
    [14_300.4, '14,300'],
    [0.00123, '0.00123'],
    [1000, '1,000'],
    [25, '25'],
  ])('%d is %s', (value, text) => {
    expect(figure(value)).toBe(text);
  });
});
