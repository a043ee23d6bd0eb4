import type { TailscaleEndpoints, TailscaleTailnet } from '@tsgateway/api';
import { objectKey, type Store } from '@tsgateway/kube';
import type { HealthView, Machine } from '@tsgateway/model';
import type { MeshCatalog } from '../catalog/mesh-catalog.ts';
import { endpointsStatus } from '../status/endpoints-status.ts';
import type { UnsupportedRoute } from '../status/unsupported-routes.ts';
import type { TargetDetails } from '../status/target-details.ts';
import type { Decision } from './status-reconciler.ts';

export interface EndpointsReconcilerOptions {
  readonly catalog: MeshCatalog;
  readonly tailnets: Pick<Store<TailscaleTailnet>, 'get'>;
  readonly health: { readonly health: HealthView; readonly details: ReadonlyMap<string, TargetDetails> };
  readonly unsupportedRoutes: (key: string) => readonly UnsupportedRoute[];
  readonly now: () => number;
}

/** Decides the status of a TailscaleEndpoints from the catalog and the checkers' reports. */
export function decideEndpoints(options: EndpointsReconcilerOptions) {
  const { catalog, tailnets, health, unsupportedRoutes, now } = options;
  return (object: TailscaleEndpoints): Promise<Decision<NonNullable<TailscaleEndpoints['status']>>> => {
    const key = objectKey(object);
    const good = catalog.goodEndpoints(key);
    const tailnet = good && tailnets.get(good.spec.tailnet);
    const status = endpointsStatus({
      object: good,
      generation: object.metadata.generation ?? 0,
      problem: catalog.problemOf('TailscaleEndpoints', key),
      previous: object.status,
      machines: machinesOfEndpoints(catalog, object),
      health: health.health,
      details: health.details,
      unsupportedRoutes: unsupportedRoutes(`TailscaleEndpoints/${key}`),
      tailnet: {
        found: tailnet !== undefined,
        ready: tailnet?.status?.conditions?.find((c) => c.type === 'Ready'),
      },
      nowMs: now(),
    });
    return Promise.resolve({ status });
  };
}

function machinesOfEndpoints(catalog: MeshCatalog, object: TailscaleEndpoints): Map<string, Machine[]> {
  const { name } = object.metadata;
  const key = objectKey(object);
  const models = [
    catalog.modelOf('TailscaleEndpoints', key),
    ...catalog.selectorsOf(key).map((services) => catalog.modelOf('TailscaleServices', services)),
  ];
  const machines = new Map<string, Machine[]>();
  for (const model of models) {
    const group = model?.groups.find((g) => g.name === name && g.source === 'endpoints');
    for (const machine of group?.machines ?? []) {
      const endpoint = machine.id.slice(name.length + 1);
      machines.set(endpoint, [...(machines.get(endpoint) ?? []), machine]);
    }
  }
  return machines;
}
