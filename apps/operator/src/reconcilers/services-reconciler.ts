import type { TailscaleServices } from '@tsgateway/api';
import { objectKey } from '@tsgateway/kube';
import { plan } from '@tsgateway/load-balancing';
import type { HealthView } from '@tsgateway/model';
import type { MeshCatalog } from '../catalog/mesh-catalog.ts';
import { servicesStatus } from '../status/services-status.ts';
import type { VipOutcome } from '../status/vip-outcome.ts';
import type { Decision } from './status-reconciler.ts';

export interface ServicesReconcilerOptions {
  readonly catalog: MeshCatalog;
  readonly health: { readonly health: HealthView };
  readonly vips: ReadonlyMap<string, VipOutcome>;
  readonly now: () => number;
}

/** Decides the status of a TailscaleServices. Waits for nobody: what the coordinator said is looked up. */
export function decideServices(options: ServicesReconcilerOptions) {
  const { catalog, health, vips, now } = options;
  return (object: TailscaleServices): Promise<Decision<NonNullable<TailscaleServices['status']>>> => {
    const key = objectKey(object);
    const service = catalog.modelOf('TailscaleServices', key);
    const nowMs = now();
    const planned = service && plan({ service, health: health.health, nowMs });
    const status = servicesStatus({
      object: catalog.goodServices(key),
      generation: object.metadata.generation ?? 0,
      problem: catalog.problemOf('TailscaleServices', key),
      previous: object.status,
      selected: catalog.selectedBy(key),
      service,
      plan: planned,
      health: health.health,
      vip: vips.get(key),
      nowMs,
    });
    const at = planned?.nextChangeAtMs;
    return Promise.resolve({
      status,
      requeueAfterMs: at === undefined ? undefined : Math.max(1, Math.ceil(at - nowMs)),
    });
  };
}
