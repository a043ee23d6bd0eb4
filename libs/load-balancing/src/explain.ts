import type { MeshService, Tier } from '@tsgateway/model';

import { mayServe } from './plan.ts';
import type { Plan } from './plan.ts';

const tierNames: Readonly<Record<Tier, string>> = { 0: 'primary', 1: 'secondary', 2: 'last' };

/**
 * One sentence for people about who gets the traffic and why: statuses, events, logs. It says the same as long as the
 * plan is the same. Machines that may not have traffic are not counted.
 */
export function explain(plan: Plan, service: MeshService): string {
  const counts = countMachines(plan, service);
  const total = sum(counts.map((c) => c.all));
  if (total === 0) {
    const any = plan.groups.some((group) => group.machines.length > 0);
    return any ? 'no machine may get traffic: every weight is 0' : 'there are no machines';
  }
  if (plan.panic) return `no healthy machine: ${total === 1 ? 'the only one is' : `all ${total} are`} tried`;
  if (service.strategy !== 'failover') return `${sum(counts.map((c) => c.healthy))} of ${total} machines healthy`;

  const primary = counts[0];
  const active = counts[plan.activeTier];
  const name = tierNames[plan.activeTier];
  if (plan.activeTier === 0) return `${active.healthy} of ${active.all} primary machines healthy`;
  if (primary.healthy > 0 && plan.nextChangeAtMs === undefined) {
    return `no primary machine has been observed since the start: the ${name} tier serves as it did before`;
  }
  if (primary.healthy > 0) {
    const again = `${primary.healthy} of ${primary.all} primary machines healthy again`;
    return `${again}: the ${name} tier serves until the failback delay has passed`;
  }
  const why = primary.all === 0 ? 'there are no primary machines' : 'no primary machine is healthy';
  return `${why}: the ${name} tier serves, ${active.healthy} of ${active.all} machines healthy`;
}

interface Count {
  all: number;
  healthy: number;
}

function countMachines(plan: Plan, service: MeshService): [Count, Count, Count] {
  const counts: [Count, Count, Count] = [
    { all: 0, healthy: 0 },
    { all: 0, healthy: 0 },
    { all: 0, healthy: 0 },
  ];
  const groups = new Map(service.groups.map((group) => [group.name, group]));
  for (const { name, tier, machines } of plan.groups) {
    const group = groups.get(name);
    for (const machine of machines) {
      if (group === undefined || !mayServe(machine, { group, service })) continue;
      counts[tier].all++;
      if (machine.healthy) counts[tier].healthy++;
    }
  }
  return counts;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
