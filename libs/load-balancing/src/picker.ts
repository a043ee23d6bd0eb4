/** Picks hosts of a list, by index, one a request. A host with weight 0 is never picked. */
export interface Picker {
  /** The host for the next request; undefined: no host has a weight. */
  pick(): number | undefined;
  /** The request that got this host is over. Pickers that count requests have it; one call a pick. */
  release?(host: number): void;
}

/**
 * The indices of the hosts that may be picked.
 *
 * @throws RangeError when a weight is no whole number from 0 on.
 */
export function pickable(weights: readonly number[]): number[] {
  return weights.flatMap((weight, host) => {
    if (!Number.isSafeInteger(weight) || weight < 0) {
      throw new RangeError(`weights[${host}] is ${weight}: give a whole number, 0 or more`);
    }
    return weight > 0 ? [host] : [];
  });
}
