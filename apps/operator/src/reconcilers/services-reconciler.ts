import type { TailscaleServices } from '@tsgateway/api';
import { objectKey, sameJson } from '@tsgateway/kube';
import { plan } from '@tsgateway/load-balancing';
import { serviceKey, type HealthView } from '@tsgateway/model';
import type { MeshCatalog } from '../catalog/mesh-catalog.ts';
import { servicesStatus, type ServicesFacts } from '../status/services-status.ts';
import type { RequestCounts } from '../traffic/request-counts.ts';
import type { UnsupportedRoute } from '../status/unsupported-routes.ts';
import type { VipOutcome } from '../status/vip-outcome.ts';
import type { Decision } from './status-reconciler.ts';

export interface ServicesReconcilerOptions {
  readonly catalog: MeshCatalog;
  readonly health: { readonly health: HealthView };
  readonly vips: ReadonlyMap<string, VipOutcome>;
  readonly counts: RequestCounts;
  readonly unsupportedRoutes: (key: string) => readonly UnsupportedRoute[];
  readonly now: () => number;
}

/** Decides the status of a TailscaleServices. Waits for nobody: what the coordinator said is looked up. */
export function decideServices(options: ServicesReconcilerOptions) {
  const { catalog, health, vips, counts, unsupportedRoutes, now } = options;
  return (object: TailscaleServices): Promise<Decision<NonNullable<TailscaleServices['status']>>> => {
    const key = objectKey(object);
    const service = catalog.modelOf('TailscaleServices', key);
    const nowMs = now();
    const planned = service && plan({ service, health: health.health, nowMs });
    const facts = {
      object: catalog.goodServices(key),
      generation: object.metadata.generation ?? 0,
      problem: catalog.problemOf('TailscaleServices', key),
      previous: object.status,
      selected: catalog.selectedBy(key),
      service,
      plan: planned,
      health: health.health,
      vip: vips.get(key),
      unsupportedRoutes: unsupportedRoutes(`TailscaleServices/${key}`),
      nowMs,
    };
    const at = planned?.nextChangeAtMs;
    return Promise.resolve({
      status: withCounts(facts, counts),
      requeueAfterMs: at === undefined ? undefined : Math.max(1, Math.ceil(at - nowMs)),
    });
  };
}

/** Requests are counted all the time, and written only with something else, or when it is time. */
function withCounts(facts: ServicesFacts, counts: RequestCounts): NonNullable<TailscaleServices['status']> {
  const { service, previous } = facts;
  const status = servicesStatus(facts);
  if (service === undefined) return status;
  const key = serviceKey(service);
  const requestCounts = counts.of(key, {
    groups: service.groups.map((g) => g.name),
    previous: previous?.loadBalancingStatus?.requestCounts,
  });
  if (sameJson(status, previous) && !counts.isDue(key)) return status;
  counts.written(key);
  return servicesStatus({ ...facts, requestCounts });
}
