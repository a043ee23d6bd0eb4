import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { observe, type ProbeResult, type TargetState, unknownState } from './threshold.ts';

const target = { healthyThreshold: 2, unhealthyThreshold: 3, historyMs: 60_000 };
const refused = { errorType: 'ConnectionRefused' as const, message: 'refused' };
const result = (ok: boolean, atMs = 0): ProbeResult => ({ atMs, durationMs: 1, failure: ok ? undefined : refused });
const after = (results: string, from: TargetState = unknownState): TargetState =>
  [...results].reduce((state, r, i) => observe(state, result(r === '+', i + 1), target), from);

describe('observe', () => {
  it.each([
    ['+', true],
    ['-', undefined],
    ['--', undefined],
    ['---', false],
    ['--+', true],
    ['+--', true],
    ['+---', false],
    ['+---+', false],
    ['+---++', true],
    ['+---+-+', false],
  ])('after %s a target is healthy: %s', (results, healthy) => {
    expect(after(results).healthy).toBe(healthy);
  });

  it('does not take the first observation for a transition', () => {
    expect(after('+').transitions).toEqual([]);
    expect(after('---')).toMatchObject({ transitions: [], observedSinceMs: 3 });
    expect(after('+---++').transitions).toEqual([
      { atMs: 4, healthy: false },
      { atMs: 6, healthy: true },
    ]);
  });

  it('keeps the last five failures with their time', () => {
    expect(after('-------').recentFailures.map((f) => f.atMs)).toEqual([3, 4, 5, 6, 7]);
  });

  it('keeps every transition within the history, and the last four however old', () => {
    const flapping = after('+' + '---++'.repeat(20));
    expect(flapping.transitions).toHaveLength(40);
    expect(observe(flapping, result(true, 10_000_000), target).transitions).toHaveLength(4);
  });

  it('law: equals a reading of the whole sequence of results', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (results) => {
        let state = unknownState;
        let healthy: boolean | undefined;
        results.forEach((ok, i) => {
          state = observe(state, result(ok, i), target);
          const last = (n: number, value: boolean) =>
            i + 1 >= n && results.slice(i + 1 - n, i + 1).every((r) => r === value);
          if (healthy === undefined ? ok : last(target.healthyThreshold, true)) healthy = true;
          else if (last(target.unhealthyThreshold, false)) healthy = false;
          expect(state.healthy).toBe(healthy);
        });
        const turns = state.transitions.map((t) => t.healthy);
        expect(turns.every((t, i) => i === 0 || t !== turns[i - 1])).toBe(true);
        expect(turns.length === 0 || turns.at(-1) === state.healthy).toBe(true);
      }),
    );
  });
});
