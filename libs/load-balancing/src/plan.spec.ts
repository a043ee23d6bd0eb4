import { describe, expect, it } from '@jest/globals';
import { targetId } from '@tsgateway/model';
import type { HealthView, Machine, MeshService, Tier } from '@tsgateway/model';
import fc from 'fast-check';

import { plan } from './plan.ts';
import type { Plan, PlannedMachine } from './plan.ts';
import { down, flipped, instant, scene, serviceSpec, up } from './testing/arbitrary-service.ts';
import type { ServiceSpec } from './testing/arbitrary-service.ts';

const planAt = (spec: ServiceSpec, nowMs = 100): Plan => plan({ ...scene(spec), nowMs });
const weights = (p: Plan): Record<string, number> => Object.fromEntries(p.groups.map((g) => [g.name, g.weight]));
const machines = (p: Plan): PlannedMachine[] => p.groups.flatMap((g) => g.machines);
const activeIds = (p: Plan): string[] =>
  machines(p)
    .filter((m) => m.active)
    .map((m) => m.id);

/** The machines that the user lets have traffic, with their tiers, straight from the model. */
function eligible(service: MeshService): { machine: Machine; tier: Tier }[] {
  return service.groups
    .filter((g) => service.strategy !== 'weighted' || g.weight > 0)
    .flatMap((g) => g.machines.filter((m) => m.weight > 0).map((machine) => ({ machine, tier: g.tier })));
}

function isHealthy(machine: Machine, health: HealthView): boolean {
  const id = targetId(machine);
  return id === undefined ? true : (health.get(id)?.healthy ?? true);
}

/** The rule for tiers taken literally: looks at every half millisecond. Knows nothing of how `plan` does it. */
function oracleTier(service: MeshService, health: HealthView, nowMs: number): Tier {
  const candidates = eligible(service);
  const of = (tiers: readonly Tier[]): Machine[] =>
    candidates.filter((c) => tiers.includes(c.tier)).map((c) => c.machine);
  const now = (tiers: readonly Tier[]): boolean => of(tiers).some((m) => isHealthy(m, health));

  const wasHealthy = (machine: Machine, t: number): boolean => {
    const h = health.get(targetId(machine) ?? '');
    if (!h || t < h.observedSinceMs) return true;
    const past = h.transitions.filter((x) => x.atMs <= t);
    return past.at(-1)?.healthy ?? !(h.transitions[0]?.healthy ?? !h.healthy);
  };
  const known = (machine: Machine, t: number): boolean => {
    const id = targetId(machine);
    return id === undefined || t >= (health.get(id)?.observedSinceMs ?? Infinity);
  };
  const outageAt = (t: number): boolean => {
    if (service.failoverSeed?.activeTier === 'secondary' && !of([0]).some((m) => known(m, t))) return true;
    return !of([0]).some((m) => wasHealthy(m, t)) && of([1, 2]).some((m) => wasHealthy(m, t));
  };

  let held = false;
  for (let t = nowMs - service.failbackDelayMs + 0.5; t < 150 && service.failbackDelayMs > 0; t++) held ||= outageAt(t);
  if (now([0]) && !held) return 0;
  return now([1]) ? 1 : now([2]) ? 2 : 0;
}

describe('plan', () => {
  it('shares by machine weight over all groups, except in the strategy weighted', () => {
    const groups = [
      {
        name: 'a',
        weight: 7,
        machines: [
          { weight: 2, health: up() },
          { weight: 3, health: up() },
        ],
      },
      { name: 'b', weight: 3, machines: [{ weight: 1 }, { weight: 4, health: down() }] },
    ];
    expect(weights(planAt({ strategy: 'round-robin', groups }))).toEqual({ a: 5, b: 1 });
    expect(weights(planAt({ strategy: 'least-connections', groups }))).toEqual({ a: 5, b: 1 });
    expect(weights(planAt({ strategy: 'weighted', groups }))).toEqual({ a: 7, b: 3 });
  });

  it('gives a group without a healthy machine nothing, and keeps the others as configured', () => {
    const p = planAt({
      strategy: 'weighted',
      groups: [
        { name: 'a', weight: 70, machines: [{ health: up() }, { health: down() }] },
        { name: 'b', weight: 20, machines: [{ health: down() }] },
        { name: 'c', weight: 10, machines: [{ health: up() }] },
      ],
    });
    expect(weights(p)).toEqual({ a: 70, b: 0, c: 10 });
    expect(activeIds(p)).toEqual(['a/0', 'c/0']);
    expect(p.panic).toBe(false);
  });

  it('takes a weight of 0 for "none": it panics among the weighted groups rather than use a forbidden one', () => {
    const p = planAt({
      strategy: 'weighted',
      groups: [
        { name: 'a', weight: 70, machines: [{ health: down() }] },
        { name: 'forbidden', weight: 0, machines: [{ health: up() }] },
      ],
    });
    expect(p.panic).toBe(true);
    expect(weights(p)).toEqual({ a: 70, forbidden: 0 });
    expect(activeIds(p)).toEqual(['a/0']);
  });

  it('has nothing to try, and no panic, where nobody may have traffic', () => {
    const p = planAt({ strategy: 'weighted', groups: [{ name: 'a', weight: 0, machines: [{ health: down() }] }] });
    expect(p).toMatchObject({ panic: false, activeTier: 0, nextChangeAtMs: undefined });
    expect(activeIds(p)).toEqual([]);
    expect(planAt({ strategy: 'round-robin', groups: [] }).groups).toEqual([]);
  });

  describe('failover', () => {
    const failover = (options: Partial<ServiceSpec> & Pick<ServiceSpec, 'groups'>): ServiceSpec => ({
      strategy: 'failover',
      failbackDelayMs: 10,
      ...options,
    });
    const secondary = { name: 's', tier: 1 as const, machines: [{ health: up() }] };
    const last = { name: 'z', tier: 2 as const, machines: [{ health: up() }] };

    it('goes to the first lower tier with a healthy machine', () => {
      const primary = { name: 'p', machines: [{ health: down() }] };
      expect(planAt(failover({ groups: [primary, secondary, last] })).activeTier).toBe(1);
      const without = { ...secondary, machines: [{ health: down() }] };
      expect(planAt(failover({ groups: [primary, without, last] })).activeTier).toBe(2);
      expect(planAt(failover({ groups: [secondary, last] })).activeTier).toBe(1);
    });

    it('returns exactly failbackDelay after the primary did', () => {
      const spec = failover({
        groups: [{ name: 'p', machines: [{ health: flipped({ healthy: true, atMs: [50, 60] }) }] }, secondary],
      });
      expect(planAt(spec, 69)).toMatchObject({ activeTier: 1, nextChangeAtMs: 70 });
      expect(planAt(spec, 70)).toMatchObject({ activeTier: 0, nextChangeAtMs: undefined });
      expect(planAt({ ...spec, failbackDelayMs: 0 }, 60)).toMatchObject({ activeTier: 0, nextChangeAtMs: undefined });
    });

    it('is not held off by a primary that died while another one served', () => {
      const spec = failover({
        groups: [
          { name: 'p', machines: [{ health: flipped({ healthy: true, atMs: [50, 60] }) }, { health: up() }] },
          secondary,
        ],
      });
      expect(planAt(spec, 61).activeTier).toBe(0);
    });

    it('counts the delay from the end of the last common outage of two primaries', () => {
      const first = { health: flipped({ healthy: true, atMs: [50, 56] }) };
      const second = { health: flipped({ healthy: false, atMs: [55] }) };
      const spec = failover({ groups: [{ name: 'p', machines: [first, second] }, secondary] });
      expect(planAt(spec, 57)).toMatchObject({ activeTier: 1, nextChangeAtMs: 66 });
      expect(planAt(spec, 66).activeTier).toBe(0);
    });

    it('lets a healthy primary serve while it is held off, if no lower machine is healthy', () => {
      const spec = failover({
        groups: [
          { name: 'p', machines: [{ health: flipped({ healthy: true, atMs: [50, 60] }) }] },
          { ...secondary, machines: [{ health: flipped({ healthy: false, atMs: [61] }) }] },
        ],
      });
      expect(planAt(spec, 62)).toMatchObject({ activeTier: 0, panic: false, nextChangeAtMs: undefined });
    });

    it('does not hurry back after a restart that the status says happened on the secondary', () => {
      const groups = [{ name: 'p', machines: [{ health: up(100) }] }, secondary];
      const seeded = failover({ seed: 'secondary', groups });
      expect(planAt(seeded, 109)).toMatchObject({ activeTier: 1, nextChangeAtMs: 110 });
      expect(planAt(seeded, 110).activeTier).toBe(0);
      expect(planAt({ ...seeded, seed: 'primary' }, 101).activeTier).toBe(0);

      const unseen = failover({ seed: 'secondary', groups: [{ name: 'p', machines: [{}] }, secondary] });
      expect(planAt(unseen, 1e9)).toMatchObject({ activeTier: 1, nextChangeAtMs: undefined });
      const unprobed = failover({
        seed: 'secondary',
        groups: [{ name: 'p', machines: [{ health: 'unprobed' }] }, secondary],
      });
      expect(planAt(unprobed, 101).activeTier).toBe(0);
    });

    it('believes a checker whose clock is ahead', () => {
      const spec = failover({
        groups: [{ name: 'p', machines: [{ health: flipped({ healthy: true, atMs: [103, 104] }) }] }, secondary],
      });
      expect(planAt(spec, 100)).toMatchObject({ activeTier: 1, nextChangeAtMs: 114 });
      const fails = failover({
        groups: [{ name: 'p', machines: [{ health: flipped({ healthy: false, atMs: [103] }) }] }, secondary],
      });
      expect(planAt(fails, 100)).toMatchObject({ activeTier: 1, nextChangeAtMs: undefined });
    });

    it('keeps the order of transitions when the checker set its clock back', () => {
      // Down from 10 to 90; then the clock went back, and down again from 50 to 60.
      const health = flipped({ healthy: true, atMs: [10, 90, 50, 60] });
      const spec = failover({ failbackDelayMs: 60, groups: [{ name: 'p', machines: [{ health }] }, secondary] });
      expect(planAt(spec, 61)).toMatchObject({ activeTier: 1, nextChangeAtMs: 120 });
    });

    it('tries every tier when nobody is healthy', () => {
      const dead = (name: string, tier: Tier) => ({ name, tier, machines: [{ weight: 2, health: down() }] });
      const p = planAt(failover({ groups: [dead('a', 2), dead('b', 1), dead('c', 0)] }));
      expect(p).toMatchObject({ panic: true, activeTier: 0 });
      expect(weights(p)).toEqual({ a: 2, b: 2, c: 2 });
    });
  });
});

describe('laws of plan', () => {
  const runs = { numRuns: 2000 };

  it('an unhealthy machine never gets traffic while an eligible healthy one exists', () => {
    fc.assert(
      fc.property(serviceSpec(), instant, (spec, nowMs) => {
        const { service, health } = scene(spec);
        const p = plan({ service, health, nowMs });
        if (!eligible(service).some(({ machine }) => isHealthy(machine, health))) return;
        expect(p.panic).toBe(false);
        expect(machines(p).filter((m) => m.active && !m.healthy)).toEqual([]);
      }),
      runs,
    );
  });

  it('if all are unhealthy, every eligible machine is tried, and the plan says panic', () => {
    fc.assert(
      fc.property(serviceSpec(), instant, (spec, nowMs) => {
        const { service, health } = scene(spec);
        const dead = new Map([...health].map(([id, h]) => [id, { ...h, healthy: false }]));
        if (eligible(service).some(({ machine }) => isHealthy(machine, dead))) return;
        const p = plan({ service, health: dead, nowMs });
        const all = eligible(service).map(({ machine }) => machine.id);
        expect(p.panic).toBe(all.length > 0);
        expect(activeIds(p)).toEqual(all);
      }),
      runs,
    );
  });

  it('the answer is never empty unless nobody may have traffic', () => {
    fc.assert(
      fc.property(serviceSpec(), instant, (spec, nowMs) => {
        const { service, health } = scene(spec);
        const p = plan({ service, health, nowMs });
        expect(activeIds(p).length > 0).toBe(eligible(service).length > 0);
        for (const g of p.groups) {
          expect(g.weight > 0).toBe(g.machines.some((m) => m.active));
          for (const m of g.machines) expect(m.active && !(m.weight > 0)).toBe(false);
        }
      }),
      runs,
    );
  });

  it('weighted: weights are the configured ones wherever a machine is active', () => {
    fc.assert(
      fc.property(serviceSpec(fc.constant('weighted')), instant, (spec, nowMs) => {
        for (const g of planAt(spec, nowMs).groups) {
          const configured = spec.groups.find((s) => s.name === g.name)?.weight;
          if (g.machines.some((m) => m.active)) expect(g.weight).toBe(configured);
        }
      }),
      runs,
    );
  });

  it('others: the machine gets its weight over the sum of all active weights', () => {
    fc.assert(
      fc.property(
        serviceSpec(fc.constantFrom('round-robin', 'least-connections', 'failover')),
        instant,
        (spec, nowMs) => {
          for (const g of planAt(spec, nowMs).groups) {
            expect(g.weight).toBe(g.machines.reduce((sum, m) => sum + (m.active ? m.weight : 0), 0));
          }
        },
      ),
      runs,
    );
  });

  it('failover: the tier is what the rule, taken literally, says', () => {
    const tiers = new Map<string, number>();
    fc.assert(
      fc.property(serviceSpec(fc.constant('failover')), fc.integer({ min: -5, max: 60 }), (spec, nowMs) => {
        const { service, health } = scene(spec);
        const p = plan({ service, health, nowMs });
        expect(p.activeTier).toBe(oracleTier(service, health, nowMs));
        const held = p.nextChangeAtMs === undefined ? 'free' : 'held';
        tiers.set(`${p.activeTier} ${held}`, (tiers.get(`${p.activeTier} ${held}`) ?? 0) + 1);
      }),
      { numRuns: 20_000 },
    );
    // The generator reaches every outcome, and not by luck.
    for (const outcome of ['0 free', '1 free', '1 held', '2 free', '2 held']) {
      expect([outcome, (tiers.get(outcome) ?? 0) > 50]).toEqual([outcome, true]);
    }
  });

  it('nextChangeAtMs: nothing changes before, another tier serves from then on', () => {
    let seen = 0;
    fc.assert(
      fc.property(serviceSpec(), fc.integer({ min: -5, max: 60 }), (spec, nowMs) => {
        const { service, health } = scene(spec);
        const p = plan({ service, health, nowMs });
        const next = p.nextChangeAtMs;
        const last = next ?? nowMs + 100;
        for (let t = nowMs; t < last; t += 0.5) {
          const then = plan({ service, health, nowMs: t });
          if (then.activeTier !== p.activeTier || then.nextChangeAtMs !== next) expect([t, then]).toEqual([t, p]);
        }
        expect(plan({ service, health, nowMs: last - 0.001 })).toEqual(p);
        if (next === undefined) return;
        seen++;
        expect(next).toBeGreaterThan(nowMs);
        expect(plan({ service, health, nowMs: next }).activeTier).not.toBe(p.activeTier);
      }),
      { numRuns: 1000 },
    );
    expect(seen).toBeGreaterThan(0);
  });

  it('two callers agree, in whatever order groups, machines and health come', () => {
    const shuffled = serviceSpec().chain((spec) => {
      const { service, health } = scene(spec);
      const shuffle = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
        fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
      const groups = fc
        .tuple(...service.groups.map((g) => shuffle(g.machines).map((ms) => ({ ...g, machines: ms }))))
        .chain(shuffle);
      return fc.tuple(fc.constant(service), fc.constant(health), groups, shuffle([...health]));
    });
    fc.assert(
      fc.property(shuffled, instant, ([service, health, groups, entries], nowMs) => {
        const other = plan({ service: { ...service, groups }, health: new Map(entries), nowMs });
        expect(other).toEqual(plan({ service, health, nowMs }));
        expect(other.groups.map((g) => g.name)).toEqual(other.groups.map((g) => g.name).sort());
        for (const g of other.groups) expect(g.machines.map((m) => m.id)).toEqual(g.machines.map((m) => m.id).sort());
      }),
      runs,
    );
  });
});
