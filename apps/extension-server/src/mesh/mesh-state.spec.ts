import { describe, expect, it } from '@jest/globals';
import {
  encodeHealth,
  type MeshRoute,
  type MeshService,
  routeKey,
  serviceKey,
  snapshotOf,
  targetId,
} from '@tsgateway/model';
import { FakeClock } from '../testing/fake-clock.ts';
import { MeshState } from './mesh-state.ts';

const probe = { path: '/', intervalMs: 100, timeoutMs: 100, healthyThreshold: 1, unhealthyThreshold: 1 };
const machine = (id: string) => ({
  id,
  host: '10.0.0.1',
  port: id.length,
  protocol: 'HTTP' as const,
  weight: 1,
  probe,
});
const primary = machine('a/0');
const secondary = machine('bb/0');
const service: MeshService = {
  kind: 'TailscaleServices',
  namespace: 'default',
  name: 'api',
  generation: 1,
  strategy: 'failover',
  failbackDelayMs: 1000,
  groups: [
    { name: 'a', source: 'endpoints', weight: 1, tier: 0, machines: [primary] },
    { name: 'bb', source: 'endpoints', weight: 1, tier: 1, machines: [secondary] },
  ],
};
const key = serviceKey(service);

function setup() {
  const clock = new FakeClock();
  const planned: string[][] = [];
  const setBacks: bigint[][] = [];
  const state = new MeshState({
    clock,
    onPlanned: (keys) => planned.push([...keys]),
    onSetBack: (from, to) => setBacks.push([from, to]),
  });
  const model = (revision: bigint, services: MeshService[]) =>
    state.applyModel(
      snapshotOf({
        revision,
        services: new Map(services.map((s) => [serviceKey(s), s])),
        routes: new Map(),
        checkers: { epoch: 1, addresses: [] },
      }),
    );
  const report = (m: typeof primary, healthy: boolean, transitions: { atMs: number; healthy: boolean }[] = []) =>
    state.applyHealth({
      checker: 'c',
      epoch: 1n,
      snapshot: false,
      removed: [],
      targets: [encodeHealth(targetId(m) ?? '', { healthy, observedSinceMs: 0, transitions })],
    });
  return { clock, planned, setBacks, state, model, report };
}

describe('MeshState', () => {
  it('plans a service in the turn in which its machine fails, and at the instant of its failback', () => {
    const { clock, planned, state, model, report } = setup();
    model(1n, [service]);
    report(secondary, true);
    const downAt = clock.now();
    planned.length = 0;
    report(primary, false, [{ atMs: downAt, healthy: false }]);
    expect(planned).toEqual([[key]]);
    expect(state.planOf(key)?.activeTier).toBe(1);
    clock.advance(500);
    report(primary, true, [
      { atMs: downAt, healthy: false },
      { atMs: clock.now(), healthy: true },
    ]);
    expect(state.planOf(key)?.activeTier).toBe(1);
    clock.advance(999);
    expect(state.planOf(key)?.activeTier).toBe(1);
    clock.advance(1);
    expect(state.planOf(key)?.activeTier).toBe(0);
  });

  it('leaves services alone that a change does not concern', () => {
    const { planned, model, report } = setup();
    model(1n, [service, { ...service, name: 'other', groups: [] }]);
    planned.length = 0;
    report(primary, false);
    expect(planned).toEqual([[key]]);
  });

  it('forgets a service that is gone, and refuses an older model', () => {
    const { state, model } = setup();
    model(5n, [service]);
    expect(model(4n, [])).toBe(false);
    expect(state.planOf(key)).toBeDefined();
    expect(model(6n, [])).toBe(true);
    expect(state.planOf(key)).toBeUndefined();
  });

  it('takes an older model once there was nothing newer for a minute', () => {
    const { clock, state, model, setBacks } = setup();
    model(50n, [service]);
    expect(model(4n, [])).toBe(false);
    clock.advance(59_999);
    expect(model(4n, [])).toBe(false);
    expect(model(51n, [service])).toBe(true); // the one that lagged is passed over: the minute begins anew
    clock.advance(1);
    expect(model(4n, [])).toBe(false);
    clock.advance(60_000);
    expect(model(5n, [])).toBe(true);
    expect([state.model?.revision, setBacks]).toEqual([5n, [[51n, 5n]]]);
    expect(state.planOf(key)).toBeUndefined();
    expect(model(6n, [service])).toBe(true);
  });

  it('wakes those who wait for a model, and lets them go at their deadline', async () => {
    const { clock, state, model } = setup();
    const newer = state.until((m) => (m?.revision ?? 0n) >= 2n, clock.now() + 100);
    const never = state.until((m) => (m?.revision ?? 0n) >= 9n, clock.now() + 100);
    model(1n, []);
    model(2n, []);
    clock.advance(100);
    expect(await Promise.all([newer, never])).toEqual([true, false]);
  });

  it('keeps the last former copies of a route, also when it is gone', () => {
    const { state } = setup();
    const routeOf = (generation: number): MeshRoute => ({
      ...{ kind: 'HTTPRoute', namespace: 'default', name: 'web', generation, rules: [] },
    });
    const routeKeyOf = routeKey(routeOf(0));
    const apply = (revision: number, route?: MeshRoute) =>
      state.applyModel(
        snapshotOf({
          revision: BigInt(revision),
          services: new Map(),
          routes: new Map(route ? [[routeKeyOf, route]] : []),
          checkers: { epoch: 1, addresses: [] },
        }),
      );
    const generations = () => state.formerRoutes(routeKeyOf).map(({ generation }) => generation);
    apply(1, routeOf(1));
    expect(generations()).toEqual([]);
    apply(2, routeOf(2));
    apply(3, routeOf(2));
    expect(generations()).toEqual([1]);
    apply(4);
    expect(generations()).toEqual([2, 1]);
    for (let i = 5; i < 15; i++) apply(i, routeOf(i));
    expect(generations()).toEqual([13, 12, 11, 10]);
  });

  it('knows a service that is gone from one that never was', () => {
    const { state, model } = setup();
    model(1n, []);
    expect(state.isGone(key)).toBe(false);
    model(2n, [service]);
    expect(state.isGone(key)).toBe(false);
    model(3n, []);
    expect(state.isGone(key)).toBe(true);
    model(4n, [service]);
    expect(state.isGone(key)).toBe(false);
  });
});
