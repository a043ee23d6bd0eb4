import { targetId } from '@tsgateway/model';
import type { HealthView, Machine, MeshGroup, MeshService, Tier } from '@tsgateway/model';

import { lastOutageEndMs } from './outage.ts';
import type { ObservedMachine } from './outage.ts';

/** What the load balancer shall do now. */
export interface Plan {
  /** The tier that gets the traffic; always 0 where the strategy is not `failover`. */
  readonly activeTier: Tier;
  /** No machine is healthy: all are tried. */
  readonly panic: boolean;
  /** Every group of the service, sorted by name, also those without traffic. */
  readonly groups: readonly PlannedGroup[];
  /** Unix ms at which the plan changes by the mere passing of time (a failback); undefined: never. */
  readonly nextChangeAtMs?: number | undefined;
}

export interface PlannedGroup {
  readonly name: string;
  readonly tier: Tier;
  /** Its share of the requests relative to the other groups; 0: gets none. */
  readonly weight: number;
  /** Sorted by id. */
  readonly machines: readonly PlannedMachine[];
}

export interface PlannedMachine {
  readonly id: string;
  /** Its share inside the group. */
  readonly weight: number;
  readonly healthy: boolean;
  /** It gets traffic: healthy (or panic), in the active tier, in a group with a weight. */
  readonly active: boolean;
}

export interface PlanInput {
  readonly service: MeshService;
  /** A target that is missing here has never been observed and counts as healthy. */
  readonly health: HealthView;
  /** Unix ms. */
  readonly nowMs: number;
}

/**
 * Decides who gets traffic. Pure: two callers with the same data get the same plan, in whatever order groups,
 * machines and health come. Names of groups and ids of machines must be unique in the service.
 *
 * A machine is *eligible* if the user lets it have traffic: its weight is above 0 and, in the strategy `weighted`,
 * so is its group's. Only eligible machines count below.
 *
 * - A machine without a probe is healthy; one that was never observed counts as healthy.
 * - An unhealthy machine gets nothing while a healthy one exists. If there is none: `panic`, and every eligible
 *   machine of every tier is tried with the configured weights. `panic` is false where nobody is eligible.
 * - `weighted`: a group has its configured weight as long as one of its machines is active, else 0. A weight of 0
 *   means none: where only groups of weight 0 have healthy machines, the plan panics among the others, because the
 *   user forbade what would otherwise be the better choice.
 * - Other strategies: a group's weight is the sum of its active machines' weights, so that machines share by their
 *   own weights over all groups.
 * - `failover`: the primary tier serves, unless at some instant in (now - failbackDelay, now] no primary was healthy
 *   while a machine of a lower tier was. Then the first lower tier with a healthy machine serves; if there is none,
 *   the primary does. The history comes from the transitions; an instant that the checker's clock puts after `nowMs`
 *   has already happened and counts as in the window. With a delay of 0 the window is empty.
 * - `failover` after a restart: if the seed says `secondary`, every instant before the first observation of a primary
 *   counts as one at which a secondary had to serve, so the system does not return before failbackDelay has passed
 *   since it began to look.
 *
 * `nextChangeAtMs` is exact: given the same health the plan stays as it is until then, and at that instant another
 * tier is active.
 */
export function plan(input: PlanInput): Plan {
  const { service, health } = input;
  const groups = sortedBy(service.groups, (g) => g.name).map((group) => assess({ group, service, health }));
  const eligible = groups.flatMap((g) => g.machines.filter((m) => m.eligible));
  const panic = eligible.length > 0 && !eligible.some((m) => m.healthy);
  const { tier, untilMs } =
    service.strategy === 'failover' && !panic ? chooseTier(eligible, input) : { tier: 0 as Tier, untilMs: undefined };
  const serves = (m: Assessed): boolean =>
    m.eligible && (panic || (m.healthy && (service.strategy !== 'failover' || m.tier === tier)));

  return {
    activeTier: tier,
    panic,
    groups: groups.map(({ group, machines }) => plannedGroup({ group, machines, service, serves })),
    nextChangeAtMs: untilMs,
  };
}

/** The user lets this machine have traffic. */
export function mayServe(
  machine: Pick<Machine, 'weight'>,
  { group, service }: { group: MeshGroup; service: MeshService },
): boolean {
  return machine.weight > 0 && (service.strategy !== 'weighted' || group.weight > 0);
}

/** A machine with what the plan needs to know about it. */
interface Assessed extends ObservedMachine {
  readonly machine: Machine;
  readonly tier: Tier;
  readonly eligible: boolean;
}

interface AssessedGroup {
  readonly group: MeshGroup;
  readonly machines: readonly Assessed[];
}

function assess(options: { group: MeshGroup; service: MeshService; health: HealthView }): AssessedGroup {
  const { group, service, health } = options;
  const machines = sortedBy(group.machines, (m) => m.id).map((machine) => {
    const id = targetId(machine);
    const observed = id === undefined ? undefined : health.get(id);
    return {
      machine,
      tier: group.tier,
      eligible: mayServe(machine, { group, service }),
      probed: id !== undefined,
      observed,
      healthy: observed?.healthy ?? true,
    };
  });
  return { group, machines };
}

/** The tier that serves while somebody is healthy, and until when if time alone will end it. */
function chooseTier(
  eligible: readonly Assessed[],
  { service, nowMs }: PlanInput,
): { tier: Tier; untilMs: number | undefined } {
  const healthyIn = (tier: Tier): boolean => eligible.some((m) => m.tier === tier && m.healthy);
  const lower: Tier | undefined = healthyIn(1) ? 1 : healthyIn(2) ? 2 : undefined;
  if (lower === undefined) return { tier: 0, untilMs: undefined };
  if (!healthyIn(0)) return { tier: lower, untilMs: undefined };
  if (!(service.failbackDelayMs > 0)) return { tier: 0, untilMs: undefined };

  const failbackAtMs =
    service.failbackDelayMs +
    lastOutageEndMs({
      primaries: eligible.filter((m) => m.tier === 0),
      lowers: eligible.filter((m) => m.tier !== 0),
      seededSecondary: service.failoverSeed?.activeTier === 'secondary',
      sinceMs: nowMs - service.failbackDelayMs,
    });
  if (failbackAtMs <= nowMs) return { tier: 0, untilMs: undefined };
  return { tier: lower, untilMs: Number.isFinite(failbackAtMs) ? failbackAtMs : undefined };
}

function plannedGroup(
  options: AssessedGroup & { service: MeshService; serves: (m: Assessed) => boolean },
): PlannedGroup {
  const { group, machines, service, serves } = options;
  let activeWeight = 0;
  const planned = machines.map((m): PlannedMachine => {
    const active = serves(m);
    if (active) activeWeight += m.machine.weight;
    return { id: m.machine.id, weight: m.machine.weight, healthy: m.healthy, active };
  });
  const weight = service.strategy === 'weighted' && activeWeight > 0 ? group.weight : activeWeight;
  return { name: group.name, tier: group.tier, weight, machines: planned };
}

/** By code units, which no locale changes. The list itself if it is in order already, as the model promises. */
function sortedBy<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  const inOrder = items.every((item, i) => {
    const previous = items[i - 1];
    return previous === undefined || key(previous) <= key(item);
  });
  if (inOrder) return items;
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
