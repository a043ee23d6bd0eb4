import { pickable } from './picker.ts';
import type { Picker } from './picker.ts';

/** Longer cycles are rounded to about this length: 256 KiB, and some 20 ms to build. */
export const maxCycleLength = 65_536;

/**
 * Each host as often as its weight says, spread as evenly as nginx' smooth weighted round robin spreads them
 * (ngx_http_upstream_round_robin): a host with 5 of 7 does not get five in a row. With equal weights it is round robin.
 *
 * The cycle is computed here, so that a pick is one look into an array. It is as long as the sum of the weights after
 * division by their greatest common divisor, and in each cycle every host gets exactly its weight. Where that were more
 * than `maxCycleLength`, weights are rounded, none to 0; a share is then off by at most (hosts + 1) / maxCycleLength.
 *
 * @throws RangeError when a weight is no whole number from 0 on.
 */
export function smoothWeighted(weights: readonly number[]): Picker {
  const cycle = smoothCycle(weights);
  let next = 0;
  return {
    pick: () => {
      const host = cycle[next];
      next = next + 1 < cycle.length ? next + 1 : 0;
      return host;
    },
  };
}

/** Hosts of the same weight. They take turns, in the order of the list. */
interface WeightClass {
  readonly weight: number;
  readonly hosts: number[];
  /** Whose turn it is. */
  next: number;
  /** How often the one whose turn it is has been picked. */
  rounds: number;
}

/** The hosts in the order of one cycle of `smoothWeighted`. */
export function smoothCycle(weights: readonly number[]): Uint32Array {
  const hosts = pickable(weights);
  const reduced = reduce(weights);
  const classes = new Map<number, WeightClass>();
  let length = 0;
  for (const host of hosts) {
    const weight = reduced[host] ?? 0;
    const sameWeight = classes.get(weight) ?? { weight, hosts: [], next: 0, rounds: 0 };
    sameWeight.hosts.push(host);
    classes.set(weight, sameWeight);
    length += weight;
  }

  // nginx adds its weight to each host's credit, picks the largest credit, the first of several, and takes the sum of
  // all weights from it: so at step t a credit is t * weight - length * picks. Hosts of one weight differ only in their
  // picks, so one look a class is enough: weights are few (1-100), hosts many.
  const cycle = new Uint32Array(length);
  const contenders = [...classes.values()];
  for (let step = 1; step <= length; step++) {
    let best: WeightClass | undefined;
    let bestCredit = -Infinity;
    let bestHost = Infinity;
    for (const contender of contenders) {
      const credit = step * contender.weight - length * contender.rounds;
      const host = contender.hosts[contender.next] ?? Infinity;
      if (credit < bestCredit || (credit === bestCredit && host > bestHost)) continue;
      best = contender;
      bestCredit = credit;
      bestHost = host;
    }
    if (best === undefined) break;
    cycle[step - 1] = bestHost;
    best.next++;
    if (best.next === best.hosts.length) {
      best.next = 0;
      best.rounds++;
    }
  }
  return cycle;
}

/** The smallest whole weights in the same relation, or nearly so where their sum would be too large. */
function reduce(weights: readonly number[]): number[] {
  const divisor = weights.reduce(gcd, 0) || 1;
  const sum = weights.reduce((total, weight) => total + weight / divisor, 0);
  if (sum <= maxCycleLength) return weights.map((weight) => weight / divisor);
  const scale = maxCycleLength / sum / divisor;
  return weights.map((weight) => (weight === 0 ? 0 : Math.max(1, Math.round(weight * scale))));
}

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
