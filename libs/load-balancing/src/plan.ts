import type { HealthView, MeshService, Tier } from '@tsgateway/model';

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

/** Decides who gets traffic. Two callers with the same data get the same plan. */
export function plan(_input: PlanInput): Plan {
  throw new Error("unwritten");
}
