import { createHash } from 'node:crypto';
import { GROUP } from '@tsgateway/api';
import { machinesOf, routeKey, type MeshRoute, type MeshService } from '@tsgateway/model';

/**
 * A hash of what Envoy Gateway's translation of a Gateway takes from the mesh model: the rules of its routes, and of
 * each service what its clusters are made of. Health, addresses and the active tier are not in it: those travel by
 * endpoint discovery. Two replicas with the same objects find the same hash, whenever they were started.
 */
export function structureOf(routes: readonly MeshRoute[], serviceOf: (key: string) => MeshService | undefined): string {
  const sorted = routes.map((route) => ({ key: routeKey(route), rules: route.rules })).sort(byKey);
  const keys = new Set(
    routes.flatMap(({ rules }) =>
      rules.flatMap(({ backendRefs }) =>
        backendRefs.filter((r) => r.group === GROUP).map((r) => `${r.kind}/${r.namespace}/${r.name}`),
      ),
    ),
  );
  const services = [...keys].sort().map((key) => ({ key, ...clusterParts(serviceOf(key)) }));
  return createHash('sha256')
    .update(JSON.stringify({ routes: sorted, services }, sortedKeys))
    .digest('hex')
    .slice(0, 16);
}

/** What `serviceCluster` and `transportSocketMatches` of @tsgateway/xds read; nothing for a service that is not there. */
function clusterParts(service: MeshService | undefined) {
  if (service === undefined) return undefined;
  const { generation, strategy } = service;
  const dialects = new Set(
    machinesOf(service).map(({ protocol, hostname }) => (hostname === undefined ? protocol : `${protocol} by name`)),
  );
  return { generation, strategy, dialects: [...dialects].sort() };
}

const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);

const sortedKeys = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
