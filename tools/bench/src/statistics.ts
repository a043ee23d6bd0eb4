/** What several repeats said. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** One per repeat, in order. */
  readonly values: readonly number[];
}

/** @throws RangeError when there is no value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new RangeError('no value to take the median of');
  return (low + high) / 2;
}

export const spread = (values: readonly number[]): Spread => ({
  ...{ median: median(values), min: Math.min(...values), max: Math.max(...values), values },
});

/**
 * Ratios within each repeat: both sides of one were measured within seconds, so what slowed the machine slowed both.
 */
export const ratios = (of: readonly number[], over: readonly number[]): Spread =>
  spread(of.map((value, i) => value / (over[i] ?? Number.NaN)));
