import { parseDuration, type TailscaleEndpoints, type TailscaleServices } from '@tsgateway/api';
import type { FailoverSeed, MeshGroup, MeshService, Tier } from '../model.ts';
import { nameOf } from './host.ts';
import { machineOf, probeOf, sortedBy } from './machine.ts';

type Spec = TailscaleServices['spec'];
type ExternalService = NonNullable<NonNullable<Spec['serviceDiscovery']>['externalServices']>[number];

const DEFAULT_FAILBACK_DELAY = '60s';

/**
 * A TailscaleServices as the data plane sees it: a group per selected TailscaleEndpoints and per external service.
 * Both objects must be valid and defaulted (`validate` of @tsgateway/api); the result does not depend on their order.
 *
 * - Probes: what an endpoint says of its own probes wins; else the service's `healthCheck` holds. Where that is
 *   disabled nothing of the service is probed, whatever the endpoints say.
 * - A group has its entry of `weights`, else 1; an external service its entry, else its own `weight`.
 * - Tiers exist in `failover` only: 0 the primaries, 1 the secondaries, 2 the rest. Where no tier is named at all,
 *   everyone is a primary.
 * - An external service that is called as a selected TailscaleEndpoints becomes the group `external:<name>`: what
 *   `weights` and the tiers say of that name means the TailscaleEndpoints.
 */
export function buildService(services: TailscaleServices, selected: readonly TailscaleEndpoints[]): MeshService {
  const { metadata, spec } = services;
  const { strategy, healthCheck, failoverConfig } = spec.loadBalancing;
  const taken = new Set(selected.map((endpoints) => endpoints.metadata.name));
  const groups = [
    ...selected.map((endpoints) => endpointsGroup(endpoints, spec)),
    ...(spec.serviceDiscovery?.externalServices ?? []).map((service) =>
      externalGroup({ service, spec, name: taken.has(service.name) ? `external:${service.name}` : service.name }),
    ),
  ];
  const delay = failoverConfig?.failbackDelay ?? DEFAULT_FAILBACK_DELAY;
  return {
    kind: 'TailscaleServices',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    generation: metadata.generation ?? 0,
    strategy,
    failbackDelayMs: strategy === 'failover' ? Math.round(parseDuration(delay)) : 0,
    failoverSeed: strategy === 'failover' ? failoverSeed(services) : undefined,
    groups: sortedBy(healthCheck.enabled ? groups : groups.map(withoutProbes), (g) => g.name),
  };
}

/** A TailscaleEndpoints that a route names as its backend: one group, round-robin, probed as its endpoints say. */
export function buildEndpointsService(endpoints: TailscaleEndpoints): MeshService {
  const { name, namespace, generation } = endpoints.metadata;
  const machines = (endpoints.spec.endpoints ?? []).map((endpoint) =>
    machineOf({ group: name, endpoint, healthCheck: endpoint.healthCheck }),
  );
  return {
    kind: 'TailscaleEndpoints',
    namespace: namespace ?? '',
    name,
    generation: generation ?? 0,
    strategy: 'round-robin',
    failbackDelayMs: 0,
    groups: [{ name, source: 'endpoints', weight: 1, tier: 0, machines: sortedBy(machines, (m) => m.id) }],
  };
}

function endpointsGroup(endpoints: TailscaleEndpoints, spec: Spec): MeshGroup {
  const { name } = endpoints.metadata;
  const machines = (endpoints.spec.endpoints ?? []).map((endpoint) =>
    machineOf({ group: name, endpoint, healthCheck: endpoint.healthCheck ?? spec.loadBalancing.healthCheck }),
  );
  return {
    name,
    source: 'endpoints',
    weight: configuredWeight(spec, name) ?? 1,
    tier: tierOf(spec, name),
    machines: sortedBy(machines, (m) => m.id),
  };
}

function externalGroup(options: { service: ExternalService; spec: Spec; name: string }): MeshGroup {
  const { service, spec, name } = options;
  const host = service.address.replace(/^\[|\]$/g, '');
  return {
    name,
    source: 'external',
    weight: configuredWeight(spec, name) ?? service.weight,
    tier: tierOf(spec, name),
    machines: [
      {
        id: `${name}/${service.name}`,
        host,
        port: service.port,
        protocol: service.protocol,
        weight: service.weight,
        hostname: nameOf(host),
        probe: probeOf(spec.loadBalancing.healthCheck),
      },
    ],
  };
}

const withoutProbes = (group: MeshGroup): MeshGroup => ({
  ...group,
  machines: group.machines.map((machine) => ({ ...machine, probe: undefined })),
});

function configuredWeight(spec: Spec, group: string): number | undefined {
  const weights = spec.loadBalancing.weights ?? {};
  // "constructor" is a good name of an object.
  return Object.hasOwn(weights, group) ? weights[group] : undefined;
}

function tierOf({ loadBalancing }: Spec, group: string): Tier {
  const { primaryEndpoints = [], secondaryEndpoints = [] } = loadBalancing.failoverConfig ?? {};
  if (loadBalancing.strategy !== 'failover' || primaryEndpoints.length + secondaryEndpoints.length === 0) return 0;
  if (primaryEndpoints.includes(group)) return 0;
  return secondaryEndpoints.includes(group) ? 1 : 2;
}

function failoverSeed({ status }: TailscaleServices): FailoverSeed | undefined {
  const activeTier = status?.loadBalancingStatus?.failoverStatus?.activeTier;
  return activeTier === 'primary' || activeTier === 'secondary' ? { activeTier } : undefined;
}
