import {
  Informer,
  withoutManagedFields,
  type InformerOptions,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '@tsgateway/kube';
import type { Logger } from '@tsgateway/process';
import { Counter, Gauge, type Registry } from 'prom-client';
import { backendsOf, gatewaysOf, withoutUnread } from './gateway/route-refs.ts';
import { unsupportedUses } from './gateway/unsupported.ts';
import * as resources from './resources.ts';
import type { ApiGateway, Route } from './resources.ts';

export type Informers = ReturnType<typeof createInformers>;

/** What the operator watches, each in all namespaces. */
export function createInformers(options: {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  /** Which EndpointSlices are looked at. */
  readonly endpointSlices: { readonly namespace: string; readonly labelSelector: string };
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
  const informer = <T extends KubeObject>(resource: Resource<T>, more: Partial<InformerOptions<T>> = {}): Informer<T> =>
    new Informer({
      client,
      resource,
      log: log.child(resource.plural),
      transform: withoutManagedFields,
      ...more,
      onEvent: (event) => {
        events.inc({ kind: resource.kind, event });
      },
    });
  const all = {
    tailnets: informer(resources.tailnets),
    endpoints: informer(resources.endpoints),
    services: informer(resources.services),
    gateways: informer(resources.gateways),
    routePolicies: informer(resources.routePolicies),
    syncs: informer(resources.syncs),
    httpRoutes: informer(resources.httpRoutes, route),
    grpcRoutes: informer(resources.grpcRoutes, { ...route, ...optional }),
    tcpRoutes: informer(resources.tcpRoutes, { ...route, ...optional }),
    tlsRoutes: informer(resources.tlsRoutes, { ...route, ...optional }),
    udpRoutes: informer(resources.udpRoutes, { ...route, ...optional }),
    apiGateways: informer(resources.apiGateways, { transform: gatewayOnly, ...optional }),
    gatewayClasses: informer(resources.gatewayClasses, optional),
    envoyProxies: informer(resources.envoyProxies, optional),
    endpointSlices: informer(resources.endpointSlices, options.endpointSlices),
  };
  new Gauge({
    name: 'reflector_objects',
    help: 'Objects in the cache.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [name, { store }] of Object.entries(all)) this.set({ kind: kindOf(name) }, store.size);
    },
  });
  new Gauge({
    name: 'reflector_served',
    help: '0: the API server does not have the kind, as its definition is not installed.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [name, { served }] of Object.entries(all)) {
        if (served !== undefined) this.set({ kind: kindOf(name) }, served ? 1 : 0);
      }
    },
  });
  return all;
}

const optional = { optional: true } as const;

const route: Partial<InformerOptions<Route>> = {
  transform: withoutUnread,
  indexers: { gateway: gatewaysOf, backend: backendsOf, unsupported: unsupportedUses },
};

const kindOf = (name: string): string => resources[name as keyof Informers].kind;

/** Of Gateways only what decides about their Envoys' bootstrap. */
function gatewayOnly({ apiVersion, kind, metadata, spec }: ApiGateway): ApiGateway {
  const { name, namespace, uid, generation, resourceVersion, deletionTimestamp } = metadata;
  const parametersRef = spec?.infrastructure?.parametersRef;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, generation, resourceVersion, deletionTimestamp },
    spec: {
      gatewayClassName: spec?.gatewayClassName,
      ...(parametersRef && { infrastructure: { parametersRef } }),
    },
  };
}

/** Kinds whose definitions are not installed. */
export const notServed = (informers: Informers): string[] =>
  Object.entries(informers)
    .filter(([, { served }]) => served === false)
    .map(([name]) => kindOf(name));

/**
 * The highest resourceVersion that any of them has seen: the revision of the model. But for TailscaleGatewaySyncs:
 * seeing that a revision is asked for does not mean to have it.
 */
export function revisionOf({ syncs: _, ...informers }: Informers): bigint {
  let highest = 0n;
  for (const { store } of Object.values(informers))
    if (store.resourceVersion > highest) highest = store.resourceVersion;
  return highest;
}
