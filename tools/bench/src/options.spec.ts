import { describe, expect, it } from '@jest/globals';
import { parseOptions, UsageError } from './options.ts';

describe('options', () => {
  it('measures everything five times unless told', () => {
    const options = parseOptions([]);
    expect([options.only.size, options.repeats, options.json]).toEqual([12, 5, false]);
    expect(parseOptions(['--quick']).repeats).toBe(3);
  });

  it('takes measures by name', () => {
    expect([...parseOptions(['--only', 'P1, p10']).only]).toEqual(['P1', 'P10']);
  });

  it.each([
    [['--only', 'P13'], '"P13" is none of P1'],
    [['--repeats', '0'], '"0" is not a whole number'],
    [['--repeats', 'many'], '"many" is not a whole number'],
    [['--write-docs', '--quick'], 'needs a whole run'],
    [['--fast'], '--help lists the flags'],
  ])('%j is refused', (argv, message) => {
    expect(() => parseOptions(argv)).toThrow(UsageError);
    expect(() => parseOptions(argv)).toThrow(message);
  });
});
