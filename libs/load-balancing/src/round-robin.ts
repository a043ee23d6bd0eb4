import { pickable } from './picker.ts';
import type { Picker } from './picker.ts';

/**
 * One host after the other, whatever their weights, as long as they have one.
 *
 * @throws RangeError when a weight is no whole number from 0 on.
 */
export function roundRobin(weights: readonly number[]): Picker {
  const hosts = pickable(weights);
  let next = 0;
  return {
    pick: () => {
      const host = hosts[next];
      next = next + 1 < hosts.length ? next + 1 : 0;
      return host;
    },
  };
}
