import { pickable } from './picker.ts';
import type { Picker } from './picker.ts';

/** The requests that a host is busy with. Pickers of the same hosts share it, so that a new plan forgets none. */
export interface HostLoad {
  inFlight: number;
}

/**
 * The host with the fewest requests in flight for its weight; among equals, in turn.
 *
 * It looks at all of them, unlike Envoy's least_request, which looks at two random ones: that serves many balancers,
 * none of which sees all requests, and very many hosts. Here one process sees every request, a look at a thousand hosts
 * takes some microseconds, and the choice is exact and needs no randomness, so that it can be an oracle.
 *
 * @throws RangeError when a weight is no whole number from 0 on.
 */
export function leastConnections(
  weights: readonly number[],
  loads: readonly HostLoad[] = weights.map(() => ({ inFlight: 0 })),
): Required<Picker> {
  const hosts = pickable(weights).map((index) => ({
    index,
    weight: weights[index] ?? 0,
    load: loads[index] ?? { inFlight: 0 },
  }));
  const byIndex = new Map(hosts.map((host) => [host.index, host.load]));
  let start = 0;
  return {
    pick: () => {
      let best = hosts[start];
      if (best === undefined) return undefined;
      let bestAt = start;
      for (let i = 1; i < hosts.length; i++) {
        const at = start + i < hosts.length ? start + i : start + i - hosts.length;
        const host = hosts[at];
        // (inFlight + 1) / weight, compared without rounding.
        if (host && (host.load.inFlight + 1) * best.weight < (best.load.inFlight + 1) * host.weight) {
          best = host;
          bestAt = at;
        }
      }
      start = bestAt + 1 < hosts.length ? bestAt + 1 : 0;
      best.load.inFlight++;
      return best.index;
    },
    release: (host) => {
      const load = byIndex.get(host);
      if (load && load.inFlight > 0) load.inFlight--;
    },
  };
}
