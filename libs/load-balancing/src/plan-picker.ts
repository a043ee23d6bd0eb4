import type { Strategy } from '@tsgateway/model';

import { leastConnections } from './least-connections.ts';
import type { HostLoad } from './least-connections.ts';
import type { Picker } from './picker.ts';
import type { Plan, PlannedGroup, PlannedMachine } from './plan.ts';
import { smoothWeighted } from './smooth-weighted.ts';

export interface PlanPicker {
  /** Ids of the machines that get traffic: for `failover` those of the active tier. */
  readonly hosts: readonly string[];
  /** Picks indices of `hosts`. */
  readonly picker: Picker;
}

export interface PlanPickerOptions {
  readonly plan: Plan;
  readonly strategy: Strategy;
  /** What the machines are busy with, by id: keep one a service, so that `least-connections` survives a new plan. */
  readonly loads?: Map<string, HostLoad>;
}

/**
 * Carries out a plan, request by request.
 *
 * `weighted`: a group by the groups' weights, then a machine of it by the machines'. `least-connections`: over all
 * machines. `round-robin` and `failover`: in turn over all machines, by their weights. `loads` gets an entry for each
 * machine of the plan and loses all others.
 */
export function planPicker({ plan, strategy, loads = new Map<string, HostLoad>() }: PlanPickerOptions): PlanPicker {
  const groups = plan.groups
    .map((group) => ({ group, machines: group.machines.filter((m) => m.active) }))
    .filter(({ group, machines }) => group.weight > 0 && machines.length > 0);
  const machines = groups.flatMap((g) => g.machines);
  const weights = machines.map((m) => m.weight);
  const hosts = machines.map((m) => m.id);
  if (strategy === 'weighted') return { hosts, picker: byGroup(groups) };
  if (strategy !== 'least-connections') return { hosts, picker: smoothWeighted(weights) };
  keepLoads(loads, plan);
  return {
    hosts,
    picker: leastConnections(
      weights,
      hosts.map((id) => loads.get(id) ?? { inFlight: 0 }),
    ),
  };
}

/** Two small cycles: exact, where one cycle over all machines could need the product of all group sizes. */
function byGroup(groups: readonly { group: PlannedGroup; machines: readonly PlannedMachine[] }[]): Picker {
  const outer = smoothWeighted(groups.map(({ group }) => group.weight));
  let first = 0;
  const inner = groups.map(({ machines }) => {
    const start = first;
    first += machines.length;
    return { start, picker: smoothWeighted(machines.map((m) => m.weight)) };
  });
  return {
    pick: () => {
      const group = inner[outer.pick() ?? -1];
      const host = group?.picker.pick();
      return group === undefined || host === undefined ? undefined : group.start + host;
    },
  };
}

function keepLoads(loads: Map<string, HostLoad>, plan: Plan): void {
  const ids = new Set(plan.groups.flatMap((group) => group.machines.map((m) => m.id)));
  for (const id of loads.keys()) if (!ids.has(id)) loads.delete(id);
  for (const id of ids) if (!loads.has(id)) loads.set(id, { inFlight: 0 });
}
