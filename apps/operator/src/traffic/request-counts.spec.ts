import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestCounts } from './request-counts.ts';

const WEB = 'TailscaleServices/shop/web';
const groups = ['east', 'west'];
const traffic = (bootId: string, east: number, west = 0) => ({
  bootId,
  groups: [
    { service: WEB, group: 'east', issued: BigInt(east), succeeded: 0n, failed: 0n },
    { service: WEB, group: 'west', issued: BigInt(west), succeeded: 0n, failed: 0n },
  ],
});

it('adds what is counted to what the status said, over several servers', () => {
  const counts = new RequestCounts();
  expect(counts.of(WEB, { groups, previous: { east: 100, gone: 5 } })).toEqual({ east: 100 });
  // They ran before this leader did: what they counted before is in the status.
  counts.apply(traffic('a', 60, 1), true);
  counts.apply(traffic('b', 40), true);
  counts.apply(traffic('a', 65, 4), true);
  counts.apply(traffic('b', 41), true);
  // What is written in between does not count twice.
  expect(counts.of(WEB, { groups, previous: { east: 103 } })).toEqual({ east: 106, west: 3 });
});

it('loses nothing when a server is restarted: the new process begins at zero', () => {
  const counts = new RequestCounts();
  counts.of(WEB, { groups });
  counts.apply(traffic('a', 10), true);
  counts.apply(traffic('a', 15), true);
  counts.apply(traffic('a2', 3), false);
  counts.apply(traffic('a2', 4), false);
  expect(counts.of(WEB, { groups })).toEqual({ east: 9 });
});

it('never falls, and is the sum of all increments, whatever the order of reports', () => {
  const step = fc.record({ boot: fc.constantFrom('a', 'b', 'c'), more: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const counts = new RequestCounts();
      const totals: Record<string, number> = {};
      let sum = 0;
      for (const { boot, more } of steps) {
        totals[boot] = (totals[boot] ?? 0) + more;
        sum += more;
        counts.apply(traffic(boot, totals[boot]), false);
        // A message that comes again, as after a reconnect.
        counts.apply(traffic(boot, totals[boot]), false);
        expect(counts.of(WEB, { groups })).toEqual(sum === 0 ? {} : { east: sum });
      }
    }),
  );
});

it('is due when asked, once, and only where something was counted', () => {
  const counts = new RequestCounts();
  expect(counts.makeDue()).toEqual([]);
  counts.apply(traffic('a', 1), false);
  expect(counts.isDue(WEB)).toBe(false);
  expect(counts.makeDue()).toEqual([WEB]);
  expect(counts.isDue(WEB)).toBe(true);
  counts.written(WEB);
  counts.apply(traffic('a', 1), false);
  expect([counts.isDue(WEB), counts.makeDue()]).toEqual([false, []]);
});
