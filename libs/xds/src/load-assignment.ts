import type { Plan, PlannedGroup, PlannedMachine } from '@tsgateway/load-balancing';
import { type Machine, machinesOf, type MeshService, type Tier } from '@tsgateway/model';
import type { Metadata } from '@tsgateway/protos/envoy/config/core/v3/base';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { upstreamTlsOf } from './upstream-tls.ts';

export interface LoadAssignmentInput {
  /** Of the cluster: how Envoy asks for it. */
  readonly clusterName: string;
  readonly service: MeshService;
  readonly plan: Plan;
  /** The IP addresses of DNS names, for Envoy refuses names here. A machine whose name has none is left out. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
}

/**
 * The endpoints of a service as Envoy wants them: who is in rotation now, and nobody else.
 *
 * - Machines that are out are left out, not marked unhealthy: Envoy drains a host that is removed (requests in flight
 *   end well), and `max_ejection_percent` of outlier detection then counts only hosts that could serve, so it cannot
 *   eject the last one.
 * - Priority 0 is whom the plan chose. In `failover`, the healthy machines of the other tiers follow, tier by tier: they
 *   get nothing but the retries of requests that could not connect (see the retry policy in route-edit.ts), so that the
 *   death of the last primary costs no request in the time until its health check notices.
 * - One locality per group, with the group's name as region; each with a weight, as one without gets nothing.
 */
export function loadAssignment(input: LoadAssignmentInput): ClusterLoadAssignment {
  const machines = new Map(machinesOf(input.service).map((m) => [m.id, m]));
  const endpoints = ranksOf(input).flatMap((groups, priority) =>
    groups.flatMap((group) => {
      const lbEndpoints = group.machines.flatMap((m) => {
        const machine = machines.get(m.id);
        return machine ? endpointsOf(machine, { weight: m.weight, addresses: input.addresses }) : [];
      });
      if (lbEndpoints.length === 0) return [];
      return [{ locality: { region: group.name }, loadBalancingWeight: group.weight, priority, lbEndpoints }];
    }),
  );
  return ClusterLoadAssignment.fromPartial({
    clusterName: input.clusterName,
    endpoints,
    policy: { overprovisioningFactor: overprovisioning },
  });
}

/** The groups that get requests, and those that stand by, by priority. Each has a weight and machines. */
function ranksOf({ service, plan, addresses }: LoadAssignmentInput): PlannedGroup[][] {
  const dialable = new Set(
    machinesOf(service)
      .filter((m) => isIpAddress(m.host) || (addresses.get(m.host)?.length ?? 0) > 0)
      .map((m) => m.id),
  );
  const pick = (groups: readonly PlannedGroup[], which: (m: PlannedMachine) => boolean): PlannedGroup[] =>
    groups
      .map((g) => ({ ...g, machines: g.machines.filter((m) => dialable.has(m.id) && which(m)) }))
      .filter((g) => g.machines.length > 0 && g.weight > 0);
  const active = pick(plan.groups, (m) => m.active);
  const standby =
    service.strategy !== 'failover' || plan.panic
      ? []
      : tiers.map((tier) =>
          pick(
            plan.groups.filter((g) => g.tier === tier).map((g) => ({ ...g, weight: standbyWeight(g) })),
            (m) => m.healthy && !m.active && m.weight > 0,
          ),
        );
  // Envoy wants no gaps between priorities.
  return [active, ...standby].filter((groups) => groups.length > 0);
}

const tiers: readonly Tier[] = [0, 1, 2];

const standbyWeight = (group: PlannedGroup): number =>
  group.machines.filter((m) => m.healthy && !m.active).reduce((sum, m) => sum + m.weight, 0);

/** In percent. As long as one host of a locality or priority is there, it gets its whole share: no bent weights. */
const overprovisioning = 100_000;

/** What a cluster gets whose service is not known: nothing, so that Envoy answers 503 and does not wait. */
export const emptyAssignment = (clusterName: string): ClusterLoadAssignment =>
  ClusterLoadAssignment.fromPartial({ clusterName });

type LbEndpoint = ReturnType<typeof lbEndpoint>;

/** Envoy tries them in turn until one answers; more would only delay the error. */
const maxAddresses = 8;

function endpointsOf(
  machine: Machine,
  of: { weight: number; addresses: ReadonlyMap<string, readonly string[]> },
): LbEndpoint[] {
  const found = isIpAddress(machine.host) ? [machine.host] : (of.addresses.get(machine.host) ?? []);
  // One host however many addresses a name has, so that it counts like any other machine.
  const [first, ...others] = found.slice(0, maxAddresses).map((address) => socketAddress(address, machine.port));
  return first === undefined ? [] : [lbEndpoint(machine, { first, others, weight: of.weight })];
}

type Address = ReturnType<typeof socketAddress>;

const socketAddress = (address: string, port: number) => ({
  address: {
    $case: 'socketAddress' as const,
    value: { address, portSpecifier: { $case: 'portValue' as const, value: port } },
  },
});

function lbEndpoint(machine: Machine, of: { first: Address; others: Address[]; weight: number }) {
  return {
    hostIdentifier: {
      $case: 'endpoint' as const,
      value: {
        address: of.first,
        additionalAddresses: of.others.map((address) => ({ address })),
        hostname: machine.hostname ?? '',
      },
    },
    loadBalancingWeight: of.weight,
    metadata: tlsMetadata(machine),
  };
}

/** Says which of the cluster's transport sockets a host wants; none: plain text. */
function tlsMetadata(machine: Machine): Metadata | undefined {
  const tls = upstreamTlsOf(machine);
  if (tls === undefined) return undefined;
  return { filterMetadata: { 'envoy.transport_socket_match': { tls } }, typedFilterMetadata: {} };
}

/** An address as it stands alone, without brackets; everything else is a DNS name. */
export const isIpAddress = (host: string): boolean => host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
