import { describe, expect, it } from '@jest/globals';
import type { Strategy } from '@tsgateway/model';
import fc from 'fast-check';

import type { HostLoad } from './least-connections.ts';
import { planPicker } from './plan-picker.ts';
import { plan } from './plan.ts';
import type { Plan } from './plan.ts';
import { down, instant, scene, serviceSpec, up } from './testing/arbitrary-service.ts';
import type { GroupSpec, ServiceSpec } from './testing/arbitrary-service.ts';

const planOf = (spec: ServiceSpec, nowMs = 100): Plan => plan({ ...scene(spec), nowMs });

/** How often each machine is picked. */
function tally(options: { plan: Plan; strategy: Strategy; count: number }): Record<string, number> {
  const { hosts, picker } = planPicker(options);
  const seen: Record<string, number> = {};
  for (let i = 0; i < options.count; i++) {
    const id = hosts[picker.pick() ?? -1] ?? 'none';
    seen[id] = (seen[id] ?? 0) + 1;
  }
  return seen;
}

describe('planPicker', () => {
  it('weighted: 70/20/10 between the groups, whatever their sizes, and by weight inside', () => {
    const groups: GroupSpec[] = [
      { name: 'a', weight: 70, machines: [{ weight: 1 }, { weight: 4 }] },
      { name: 'b', weight: 20, machines: [{}, {}, { health: down() }] },
      { name: 'c', weight: 10, machines: [{}] },
    ];
    const seen = tally({ plan: planOf({ strategy: 'weighted', groups }), strategy: 'weighted', count: 1000 });
    expect(seen).toEqual({ 'a/0': 140, 'a/1': 560, 'b/0': 100, 'b/1': 100, 'c/0': 100 });
  });

  it('round-robin: by the weights of the machines over all groups', () => {
    const groups: GroupSpec[] = [
      { name: 'a', weight: 70, machines: [{ weight: 2 }, {}] },
      { name: 'b', weight: 1, machines: [{}] },
    ];
    const seen = tally({ plan: planOf({ strategy: 'round-robin', groups }), strategy: 'round-robin', count: 400 });
    expect(seen).toEqual({ 'a/0': 200, 'a/1': 100, 'b/0': 100 });
  });

  it('failover: picks in the active tier only, and all tiers in panic', () => {
    const groups = (primary: GroupSpec['machines'], secondary: GroupSpec['machines']): GroupSpec[] => [
      { name: 'p', tier: 0, machines: primary },
      { name: 's', tier: 1, machines: secondary },
    ];
    const seen = (spec: GroupSpec[]): string[] =>
      Object.keys(
        tally({ plan: planOf({ strategy: 'failover', groups: spec }), strategy: 'failover', count: 10 }),
      ).sort();
    expect(seen(groups([{ health: up() }, { health: down() }], [{}]))).toEqual(['p/0']);
    expect(seen(groups([{ health: down() }], [{}, {}]))).toEqual(['s/0', 's/1']);
    expect(seen(groups([{ health: down() }], [{ health: down() }]))).toEqual(['p/0', 's/0']);
  });

  it('least-connections: a new plan knows the requests that an older one gave out, and forgets machines that left', () => {
    const spec = (machines: number): ServiceSpec => ({
      strategy: 'least-connections',
      groups: [{ name: 'a', machines: Array.from({ length: machines }, () => ({})) }],
    });
    const loads = new Map<string, HostLoad>();
    const first = planPicker({ plan: planOf(spec(3)), strategy: 'least-connections', loads });
    expect([first.picker.pick(), first.picker.pick()]).toEqual([0, 1]);
    const second = planPicker({ plan: planOf(spec(2)), strategy: 'least-connections', loads });
    expect([...loads.keys()]).toEqual(['a/0', 'a/1']);
    first.picker.release?.(1);
    expect(second.picker.pick()).toBe(1);
  });

  it('law: picks each active machine and no other, and nothing where the plan has nobody', () => {
    fc.assert(
      fc.property(serviceSpec(), instant, (spec, nowMs) => {
        const p = planOf(spec, nowMs);
        const seen = tally({ plan: p, strategy: spec.strategy, count: 5000 });
        const active = p.groups.flatMap((g) => g.machines.filter((m) => m.active).map((m) => m.id));
        expect(Object.keys(seen).sort()).toEqual(active.length > 0 ? active.sort() : ['none']);
      }),
      { numRuns: 200 },
    );
  });
});
