import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { InvalidDurationError, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['1h2m3s4ms', 3_723_004],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['250μs', 0.25],
    ['1ns', 1e-6],
    ['30s1m', 90_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  it.each(['', 's', '30', '30 s', '-1s', '+1s', '1d', '1S', '.s', '1e3s', '1m30', 'infinity', '9999999999s'])(
    'refuses "%s" and names it',
    (text) => {
      expect(() => parseDuration(text)).toThrow(InvalidDurationError);
      expect(() => parseDuration(text)).toThrow(`"${text}"`);
    },
  );

  it('adds up', () => {
    const term = fc.tuple(fc.integer({ min: 0, max: 999_999 }), fc.constantFrom('ms', 's', 'm', 'h'));
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 8 }), (terms) => {
        const texts = terms.map(([n, unit]) => `${n}${unit}`);
        const sum = texts.map(parseDuration).reduce((a, b) => a + b, 0);
        expect(parseDuration(texts.join(''))).toBe(sum);
      }),
    );
  });
});
