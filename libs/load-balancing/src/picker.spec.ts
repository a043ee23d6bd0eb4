import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { leastConnections } from './least-connections.ts';
import type { Picker } from './picker.ts';
import { roundRobin } from './round-robin.ts';
import { maxCycleLength, smoothCycle, smoothWeighted } from './smooth-weighted.ts';

const picks = (picker: Picker, count: number): (number | undefined)[] =>
  Array.from({ length: count }, () => picker.pick());
const counts = (picked: readonly (number | undefined)[], hosts: number): number[] =>
  Array.from({ length: hosts }, (_, host) => picked.filter((p) => p === host).length);
const total = (weights: readonly number[]): number => weights.reduce((a, b) => a + b, 0);

const weightList = fc.array(fc.oneof(fc.constant(0), fc.constantFrom(1, 2, 3), fc.integer({ min: 1, max: 100 })), {
  maxLength: 8,
});

const pickers: readonly (readonly [string, (weights: readonly number[]) => Picker])[] = [
  ['roundRobin', roundRobin],
  ['smoothWeighted', smoothWeighted],
  ['leastConnections', leastConnections],
];

describe.each(pickers)('%s', (_name, make) => {
  it('law: picks every host that has a weight, no other, and always one', () => {
    fc.assert(
      fc.property(weightList, (weights) => {
        const picked = picks(make(weights), total(weights) + weights.length + 1);
        const expected = weights.flatMap((weight, host) => (weight > 0 ? [host] : []));
        const found = [...new Set(picked)].sort((a, b) => (a ?? -1) - (b ?? -1));
        expect(found).toEqual(expected.length > 0 ? expected : [undefined]);
      }),
    );
  });

  it('refuses weights that are no whole numbers from 0 on', () => {
    for (const weight of [-1, 0.5, NaN, Infinity, 2 ** 53]) expect(() => make([1, weight])).toThrow(RangeError);
  });

  it('splits equal weights evenly, in turn', () => {
    expect(picks(make([4, 0, 4, 4]), 7)).toEqual([0, 2, 3, 0, 2, 3, 0]);
  });
});

describe('roundRobin', () => {
  it('law: after any number of picks no host is more than one ahead', () => {
    fc.assert(
      fc.property(weightList, fc.nat({ max: 100 }), (weights, n) => {
        const seen = counts(picks(roundRobin(weights), n), weights.length).filter(
          (_, host) => (weights[host] ?? 0) > 0,
        );
        expect(Math.max(0, ...seen) - Math.min(...seen, Math.max(0, ...seen))).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('smoothWeighted', () => {
  /** nginx' algorithm, word by word: credit for all, the first of the largest wins and pays. */
  function nginx(weights: readonly number[], count: number): number[] {
    const credits = weights.map(() => 0);
    return Array.from({ length: count }, () => {
      let best = -1;
      for (const [host, weight] of weights.entries()) {
        if (weight === 0) continue;
        credits[host]! += weight;
        if (best < 0 || credits[host]! > credits[best]!) best = host;
      }
      credits[best]! -= total(weights);
      return best;
    });
  }

  it('does not pick a heavy host in a row', () => {
    expect(picks(smoothWeighted([5, 1, 1]), 7)).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  it('law: picks as nginx does, and each host exactly its weight in a cycle', () => {
    fc.assert(
      fc.property(weightList, (weights) => {
        const cycle = total(weights);
        const picked = picks(smoothWeighted(weights), 2 * cycle);
        expect(picked).toEqual(nginx(weights, 2 * cycle));
        expect(counts(picked.slice(0, cycle), weights.length)).toEqual(weights);
      }),
      { numRuns: 300 },
    );
  });

  it('law: at no time is a host a whole round of the others away from its share', () => {
    fc.assert(
      fc.property(weightList, fc.nat({ max: 500 }), (weights, n) => {
        const seen = counts(picks(smoothWeighted(weights), n), weights.length);
        for (const [host, weight] of weights.entries()) {
          const share = total(weights) === 0 ? 0 : (n * weight) / total(weights);
          expect(Math.abs((seen[host] ?? 0) - share)).toBeLessThan(weights.length);
        }
      }),
    );
  });

  it('divides by the greatest common divisor, and bounds the cycle', () => {
    expect(smoothCycle([70, 20, 10])).toHaveLength(10);
    expect(smoothCycle([0, 0])).toHaveLength(0);
    expect(smoothCycle([maxCycleLength - 1, 1])).toHaveLength(maxCycleLength);
    expect(smoothCycle([maxCycleLength * 2 + 1, maxCycleLength * 2]).length).toBeLessThanOrEqual(maxCycleLength + 2);
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), {
          minLength: 1,
          maxLength: 30,
        }),
        (weights) => {
          const cycle = smoothCycle(weights);
          expect(cycle.length).toBeLessThanOrEqual(maxCycleLength + weights.length);
          const seen = new Array<number>(weights.length).fill(0);
          for (const host of cycle) seen[host]!++;
          for (const [host, weight] of weights.entries()) {
            expect(seen[host]).toBeGreaterThan(0);
            const off = Math.abs(seen[host]! / cycle.length - weight / total(weights));
            expect(off).toBeLessThanOrEqual((weights.length + 1) / maxCycleLength);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('leastConnections', () => {
  it('law: picks a host with the fewest requests in flight for its weight', () => {
    const steps = fc.array(fc.oneof(fc.constant('pick' as const), fc.nat({ max: 7 })), { maxLength: 60 });
    fc.assert(
      fc.property(weightList, steps, (weights, actions) => {
        const picker = leastConnections(weights);
        const inFlight = weights.map(() => 0);
        for (const action of actions) {
          if (action !== 'pick') {
            picker.release(action);
            if ((inFlight[action] ?? 0) > 0) inFlight[action]!--;
            continue;
          }
          const busy = weights.map((weight, host) => (weight > 0 ? (inFlight[host]! + 1) / weight : Infinity));
          const picked = picker.pick();
          if (picked === undefined) expect(total(weights)).toBe(0);
          else {
            expect(busy[picked]).toBeCloseTo(Math.min(...busy), 9);
            inFlight[picked]!++;
          }
        }
      }),
    );
  });

  it('takes idle hosts in turn', () => {
    const picker = leastConnections([1, 1, 0, 1]);
    const picked = Array.from({ length: 5 }, () => {
      const host = picker.pick()!;
      picker.release(host);
      return host;
    });
    expect(picked).toEqual([0, 1, 3, 0, 1]);
  });

  it('gives a host that is ten times slower less than a third of its even share', () => {
    const hosts = [100, 10, 10];
    const picker = leastConnections(hosts.map(() => 1));
    const served = hosts.map(() => 0);
    const running: { host: number; endsAt: number }[] = [];
    for (let now = 0; now < 10_000; now++) {
      for (const done of running.filter((r) => r.endsAt === now)) picker.release(done.host);
      running.splice(0, running.length, ...running.filter((r) => r.endsAt > now));
      while (running.length < 12) {
        const host = picker.pick()!;
        served[host]!++;
        running.push({ host, endsAt: now + hosts[host]! });
      }
    }
    expect(served[0]! / total(served)).toBeLessThan(1 / 9);
  });

  it('shares the loads with another picker of the same hosts', () => {
    const loads = [{ inFlight: 0 }, { inFlight: 0 }];
    const before = leastConnections([1, 1], loads);
    expect(picks(before, 3)).toEqual([0, 1, 0]);
    expect(leastConnections([1, 1], loads).pick()).toBe(1);
    before.release(0);
    before.release(0);
    before.release(0);
    expect(loads).toEqual([{ inFlight: 0 }, { inFlight: 2 }]);
  });
});
