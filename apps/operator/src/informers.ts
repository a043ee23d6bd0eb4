import { Informer, withoutManagedFields, type KubeClient, type KubeObject, type Resource } from '@tsgateway/kube';
import type { Logger } from '@tsgateway/process';
import { Counter, Gauge, type Registry } from 'prom-client';
import { endpoints, gateways, httpRoutes, routePolicies, services, tailnets, type HttpRoute } from './resources.ts';

export type Informers = ReturnType<typeof createInformers>;

/** What the operator watches, each in all namespaces. */
export function createInformers(options: {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly log: Logger;
  readonly metrics: Registry;
}) {
  const { client, log, metrics } = options;
  const registers = [metrics];
  const events = new Counter({
    name: 'reflector_events_total',
    help: 'Lists, watches, relists after 410, watches resumed for silence, and errors.',
    labelNames: ['kind', 'event'],
    registers,
  });
  const informer = <T extends KubeObject>(resource: Resource<T>, transform?: (object: T) => T): Informer<T> =>
    new Informer({
      client,
      resource,
      log: log.child(resource.plural),
      transform: transform ?? withoutManagedFields,
      onEvent: (event) => {
        events.inc({ kind: resource.kind, event });
      },
    });
  const all = {
    tailnets: informer(tailnets),
    endpoints: informer(endpoints),
    services: informer(services),
    gateways: informer(gateways),
    routePolicies: informer(routePolicies),
    httpRoutes: informer(httpRoutes, backendsOnly),
  };
  new Gauge({
    name: 'reflector_objects',
    help: 'Objects in the cache.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.set({ kind: 'TailscaleTailnet' }, all.tailnets.store.size);
      this.set({ kind: 'TailscaleEndpoints' }, all.endpoints.store.size);
      this.set({ kind: 'TailscaleServices' }, all.services.store.size);
      this.set({ kind: 'TailscaleGateway' }, all.gateways.store.size);
      this.set({ kind: 'TailscaleRoutePolicy' }, all.routePolicies.store.size);
      this.set({ kind: 'HTTPRoute' }, all.httpRoutes.store.size);
    },
  });
  return all;
}

/** Of routes only the backends are read; a cluster may have many, and large ones. */
function backendsOnly(route: HttpRoute): HttpRoute {
  const { name, namespace, uid, generation, resourceVersion, deletionTimestamp } = route.metadata;
  const rules = (route.spec?.rules ?? []).map(({ backendRefs }) => ({
    backendRefs: backendRefs?.map(({ group, kind, namespace: ns, name: to, port, weight }) => ({
      group,
      kind,
      namespace: ns,
      name: to,
      port,
      weight,
    })),
  }));
  return {
    apiVersion: route.apiVersion,
    kind: route.kind,
    metadata: { name, namespace, uid, generation, resourceVersion, deletionTimestamp },
    spec: { rules },
  };
}

/** The highest resourceVersion that any of them has seen: the revision of the model. */
export function revisionOf(informers: Informers): bigint {
  let highest = 0n;
  for (const { store } of Object.values(informers))
    if (store.resourceVersion > highest) highest = store.resourceVersion;
  return highest;
}
