import { targetId } from '@tsgateway/model';
import type { HealthView, Machine, MeshGroup, MeshService, Strategy, TargetHealth, Tier } from '@tsgateway/model';
import fc from 'fast-check';

/** A machine as a test describes it; `health` undefined: never observed, 'unprobed': it has no probe. */
export interface MachineSpec {
  readonly weight?: number;
  readonly health?: TargetHealth | 'unprobed' | undefined;
}

export interface GroupSpec {
  readonly name: string;
  readonly weight?: number;
  readonly tier?: Tier;
  readonly machines: readonly MachineSpec[];
}

export interface ServiceSpec {
  readonly strategy: Strategy;
  readonly failbackDelayMs?: number;
  readonly seed?: 'primary' | 'secondary' | undefined;
  readonly groups: readonly GroupSpec[];
}

export interface Scene {
  readonly service: MeshService;
  readonly health: HealthView;
}

export const up = (observedSinceMs = 0): TargetHealth => ({ healthy: true, observedSinceMs, transitions: [] });
export const down = (observedSinceMs = 0): TargetHealth => ({ healthy: false, observedSinceMs, transitions: [] });

/** Observed since `sinceMs` in the state opposite to the first flip; each flip toggles. Ends in state `healthy`. */
export function flipped(options: { healthy: boolean; sinceMs?: number; atMs: readonly number[] }): TargetHealth {
  const { healthy, atMs, sinceMs = 0 } = options;
  const transitions = atMs.map((at, i) => ({ atMs: at, healthy: (atMs.length - i) % 2 === 1 ? healthy : !healthy }));
  return { healthy, observedSinceMs: sinceMs, transitions };
}

/** The model and the health view that a description stands for. */
export function scene(spec: ServiceSpec): Scene {
  const health = new Map<string, TargetHealth>();
  const groups = spec.groups.map((g): MeshGroup => {
    const machines = g.machines.map((m, i): Machine => {
      const machine: Machine = {
        id: `${g.name}/${i}`,
        host: `${g.name}-${i}.example`,
        port: 80,
        protocol: 'TCP',
        weight: m.weight ?? 1,
        probe:
          m.health === 'unprobed'
            ? undefined
            : { path: '/', intervalMs: 1000, timeoutMs: 500, healthyThreshold: 2, unhealthyThreshold: 3 },
      };
      const id = targetId(machine);
      if (id !== undefined && typeof m.health === 'object') health.set(id, m.health);
      return machine;
    });
    return { name: g.name, source: 'endpoints', weight: g.weight ?? 1, tier: g.tier ?? 0, machines };
  });
  const service: MeshService = {
    kind: 'TailscaleServices',
    namespace: 'default',
    name: 'web',
    generation: 1,
    strategy: spec.strategy,
    failbackDelayMs: spec.failbackDelayMs ?? 0,
    failoverSeed: spec.seed && { activeTier: spec.seed },
    groups,
  };
  return { service, health };
}

/** Instants are small integers, so that an oracle can look at all of them; some lie after any `nowMs`. */
export const instant = fc.integer({ min: 0, max: 30 });

const observed: fc.Arbitrary<TargetHealth> = fc
  .record({
    healthy: fc.boolean(),
    sinceMs: instant,
    steps: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 }),
  })
  .map(({ healthy, sinceMs, steps }) => {
    let at = sinceMs;
    return flipped({ healthy, sinceMs, atMs: steps.map((step) => (at += step)) });
  });

const machineSpec: fc.Arbitrary<MachineSpec> = fc.record({
  weight: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) }),
  health: fc.oneof(
    { weight: 8, arbitrary: observed },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant('unprobed' as const) },
  ),
});

/** Any service of up to five groups. */
export const serviceSpec = (strategy: fc.Arbitrary<Strategy> = anyStrategy): fc.Arbitrary<ServiceSpec> =>
  fc.record({
    strategy,
    failbackDelayMs: fc.integer({ min: 0, max: 12 }),
    seed: fc.constantFrom('primary', 'secondary', undefined),
    groups: fc
      .array(
        fc.record({
          weight: fc.constantFrom(0, 1, 2, 70),
          tier: fc.constantFrom<Tier>(0, 0, 1, 1, 2),
          machines: fc.array(machineSpec, { maxLength: 3 }),
        }),
        { maxLength: 5 },
      )
      .map((groups) => groups.map((g, i) => ({ ...g, name: `g${i}` }))),
  });

const anyStrategy = fc.constantFrom<Strategy>('round-robin', 'least-connections', 'weighted', 'failover');
