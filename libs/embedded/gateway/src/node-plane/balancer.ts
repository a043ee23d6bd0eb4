import type { HostLoad, Picker } from '@tsgateway/load-balancing';
import { leastConnections, smoothWeighted } from '@tsgateway/load-balancing';
import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { Cluster_LbPolicy } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { LoadBalancingPolicy } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { RoundRobin } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin';
import { WrrLocality } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality';
import { LEAST_REQUEST, ROUND_ROBIN, TYPE_PREFIX, WRR_LOCALITY } from '../any.ts';

/** How a cluster spreads requests. */
export interface Policy {
  readonly within: 'round-robin' | 'least-request';
  /** Localities first, by their weights. */
  readonly byLocality: boolean;
}

/** The policy of a cluster: the typed one where there is one that is known, else the old field. */
export function policyOf(cluster: Cluster): Policy {
  const byLocality = cluster.commonLbConfig?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig';
  const within = cluster.lbPolicy === Cluster_LbPolicy.LEAST_REQUEST ? 'least-request' : 'round-robin';
  return typedPolicy(cluster.loadBalancingPolicy) ?? { within, byLocality };
}

function typedPolicy(policy: LoadBalancingPolicy | undefined): Policy | undefined {
  for (const { typedExtensionConfig } of policy?.policies ?? []) {
    const packed = typedExtensionConfig?.typedConfig;
    if (packed === undefined) continue;
    const localities = (c: { localityLbConfig: RoundRobin['localityLbConfig'] }) =>
      c.localityLbConfig?.localityConfigSpecifier?.$case === 'localityWeightedLbConfig';
    switch (packed.typeUrl.slice(TYPE_PREFIX.length)) {
      case ROUND_ROBIN:
        return { within: 'round-robin', byLocality: localities(RoundRobin.decode(packed.value)) };
      case LEAST_REQUEST:
        return { within: 'least-request', byLocality: localities(LeastRequest.decode(packed.value)) };
      case WRR_LOCALITY: {
        const inner = typedPolicy(WrrLocality.decode(packed.value).endpointPickingPolicy);
        return { within: inner?.within ?? 'round-robin', byLocality: true };
      }
    }
  }
  return undefined;
}

/** What a balancer needs of an endpoint. */
export interface Host {
  readonly load: HostLoad;
}

export interface WeightedHost<H extends Host> {
  readonly host: H;
  readonly weight: number;
  readonly healthy: boolean;
}

export interface Locality<H extends Host> {
  readonly weight: number;
  readonly priority: number;
  readonly hosts: readonly WeightedHost<H>[];
}

/** Picks hosts of one assignment. */
export interface Balancer<H extends Host> {
  /**
   * The host of the next request, one that is not excluded if there is any; its load has been raised, and whoever got it lowers
   * it when the request is over. Undefined: no host is healthy (or none is left).
   */
  pick(excluded?: ReadonlySet<H>): H | undefined;
}

/**
 * Unhealthy hosts get nothing; of the priorities the lowest that has a healthy host gets everything. A retry for which no
 * host of it is left goes to the next, as with Envoy's previous_priorities.
 */
export function balancer<H extends Host>(policy: Policy, localities: readonly Locality<H>[]): Balancer<H> {
  const usable = localities
    .map((l) => ({ ...l, hosts: l.hosts.filter((h) => h.healthy && h.weight > 0) }))
    .filter((l) => l.hosts.length > 0 && !(policy.byLocality && l.weight === 0));
  const priorities = [...new Set(usable.map((l) => l.priority))].sort((a, b) => a - b);
  const ranks = priorities.map((p) =>
    rank(
      policy,
      usable.filter((l) => l.priority === p),
    ),
  );
  return {
    pick: (excluded) => {
      for (const next of ranks) {
        const host = next(excluded);
        if (host) return host;
      }
      return undefined;
    },
  };
}

/** Picks among the hosts of one priority. */
function rank<H extends Host>(policy: Policy, localities: readonly Locality<H>[]): Balancer<H>['pick'] {
  const hosts = localities.flatMap((l) => l.hosts);
  const choose = policy.byLocality ? chooseByLocality(policy, localities) : chooseAmong(policy, hosts);
  return (excluded) => {
    if (excluded === undefined || excluded.size === 0) return choose();
    // The same policy first, so that retries are spread as it says; then whoever is left.
    for (let i = 0; i < hosts.length; i++) {
      const host = choose();
      if (host === undefined || !excluded.has(host)) return host;
      host.load.inFlight--;
    }
    const left = hosts.find((h) => !excluded.has(h.host))?.host;
    if (left) left.load.inFlight++;
    return left;
  };
}

function chooseByLocality<H extends Host>(policy: Policy, localities: readonly Locality<H>[]): () => H | undefined {
  const outer = smoothWeighted(localities.map((l) => l.weight));
  const inner = localities.map((l) => chooseAmong(policy, l.hosts));
  return () => inner[outer.pick() ?? -1]?.();
}

function chooseAmong<H extends Host>(policy: Policy, hosts: readonly WeightedHost<H>[]): () => H | undefined {
  const weights = hosts.map((h) => h.weight);
  const least = policy.within === 'least-request';
  const loads = hosts.map((h) => h.host.load);
  const picker: Picker = least ? leastConnections(weights, loads) : smoothWeighted(weights);
  return () => {
    const host = hosts[picker.pick() ?? -1]?.host;
    // The picker of least connections counts by itself.
    if (host && !least) host.load.inFlight++;
    return host;
  };
}
