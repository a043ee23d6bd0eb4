import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { median, ratios, spread } from './statistics.ts';

describe('statistics', () => {
  it('takes the middle value, or the mean of the two', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });

  it('divides within a repeat: a machine that slows down changes no ratio', () => {
    expect(ratios([10, 20, 400], [5, 10, 200])).toEqual({ median: 2, min: 2, max: 2, values: [2, 2, 2] });
  });

  it('law: half of the values are at or below the median, half at or above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const { median: m, min, max } = spread(values);
        expect(values.filter((v) => v <= m).length * 2).toBeGreaterThanOrEqual(values.length);
        expect(values.filter((v) => v >= m).length * 2).toBeGreaterThanOrEqual(values.length);
        expect(min <= m && m <= max).toBe(true);
      }),
    );
  });
});
