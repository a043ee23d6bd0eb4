import { describe, expect, it } from '@jest/globals';
import type { HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { encodeHealth } from './codec.ts';
import { HealthStore } from './health-store.ts';
import type { TargetHealth } from './model.ts';

const up = (observedSinceMs = 0): TargetHealth => ({ healthy: true, observedSinceMs, transitions: [] });
const down = (observedSinceMs: number, ...transitionsMs: number[]): TargetHealth => ({
  healthy: false,
  observedSinceMs,
  transitions: transitionsMs.map((atMs, i) => ({ atMs, healthy: (transitionsMs.length - i) % 2 === 0 })),
});
const report = (
  [checker, epoch]: [string, number],
  targets: Record<string, TargetHealth>,
  more: Partial<HealthUpdate> = {},
): HealthUpdate => ({
  checker,
  epoch: BigInt(epoch),
  snapshot: false,
  targets: Object.entries(targets).map(([id, health]) => encodeHealth(id, health)),
  removed: [],
  ...more,
});

describe('HealthStore', () => {
  it('says which targets changed', () => {
    const store = new HealthStore();
    expect(store.apply(report(['a', 1], { x: up(), y: up() }))).toEqual(new Set(['x', 'y']));
    expect(store.apply(report(['a', 1], { x: down(0, 5), y: up() }))).toEqual(new Set(['x']));
    expect(store.view().get('x')).toEqual(down(0, 5));
  });

  it('takes the report of the newest epoch, whichever comes last', () => {
    const store = new HealthStore();
    store.apply(report(['a', 2], { x: up() }));
    expect(store.apply(report(['b', 1], { x: down(0, 5) }))).toEqual(new Set());
    expect(store.view().get('x')?.healthy).toBe(true);
    store.apply(report(['b', 3], { x: down(0, 5) }));
    expect(store.view().get('x')?.healthy).toBe(false);
    store.apply(report(['a', 2], { x: up() }));
    expect(store.view().get('x')?.healthy).toBe(false);
  });

  it('keeps the old owner’s value until the new owner’s first result', () => {
    const store = new HealthStore();
    store.apply(report(['a', 1], { x: down(0, 5) }));
    store.apply(report(['a', 2], {}, { removed: ['x'] }));
    expect(store.view().get('x')?.healthy).toBe(false);
    store.apply(report(['b', 2], { x: up(50) }));
    expect(store.view().get('x')?.healthy).toBe(true);
  });

  it('keeps what a checker said that went away, and then hears anybody', () => {
    const store = new HealthStore();
    store.apply(report(['a', 7], { x: down(0, 5) }));
    store.disconnected('a');
    expect(store.view().get('x')).toEqual(down(0, 5));
    // A set that was counted anew, from below.
    store.apply(report(['b', 1], { x: up(9) }));
    expect(store.view().get('x')?.healthy).toBe(true);
  });

  it('takes a snapshot as all that its checker stands for', () => {
    const store = new HealthStore();
    store.apply(report(['a', 5], { x: up(), y: up() }, { snapshot: true }));
    store.apply(report(['a', 5], { y: up() }, { snapshot: true }));
    store.apply(report(['b', 4], { x: down(0, 3), y: down(0, 3) }));
    expect(store.view().get('x')?.healthy).toBe(false);
    expect(store.view().get('y')?.healthy).toBe(true);
  });

  it('continues the history of the checker before', () => {
    const store = new HealthStore();
    store.apply(report(['a', 1], { x: down(100, 200) }));
    store.apply(report(['b', 2], { x: up(300) }));
    const joined = {
      healthy: true,
      observedSinceMs: 100,
      transitions: [
        { atMs: 200, healthy: false },
        { atMs: 300, healthy: true },
      ],
    };
    expect(store.view().get('x')).toEqual(joined);
    store.apply(report(['b', 2], { x: down(300, 400) }));
    expect(store.view().get('x')).toEqual({
      ...joined,
      healthy: false,
      transitions: [...joined.transitions, { atMs: 400, healthy: false }],
    });
  });

  it('bounds the history of a target that flaps between checkers', () => {
    const store = new HealthStore();
    for (let i = 1; i <= 1_000; i++) store.apply(report([`c${i}`, i], { x: i % 2 ? up(i) : down(i) }));
    const x = store.view().get('x');
    expect(x?.transitions).toHaveLength(256);
    expect(x?.transitions.at(-1)).toEqual({ atMs: 1_000, healthy: false });
  });

  it('forgets targets that nobody asks for', () => {
    const store = new HealthStore();
    store.apply(report(['a', 1], { x: up(), y: up() }));
    store.retain(new Set(['y']));
    expect([...store.view().keys()]).toEqual(['y']);
    expect(store.apply(report(['b', 0], { x: up() }))).toEqual(new Set(['x']));
  });
});
