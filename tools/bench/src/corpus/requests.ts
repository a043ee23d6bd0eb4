import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import { Route } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { stampCluster } from '@tsgateway/xds';
import { listener, plainCluster, routeTo, ruleName, serviceObject, tlsCluster } from './resources.ts';
import { fields, valuesOf } from './wire.ts';

/** Rules with a custom backend that the mesh model of the measured server knows, and the services they share. */
export const customRules = 1000;
export const services = 100;

export const customRoute = (i: number): string => `route-${i}`;
export const serviceName = (i: number): string => `web-${i % services}`;
export const customRule = (i: number): string => ruleName('default', customRoute(i));

const indexes = (count: number): number[] => [...Array(count).keys()];

/** PostClusterModifyRequest, 1 KB: the rule's cluster, and its custom backend as JSON. */
export const clusterHookRequest = (i: number): Buffer =>
  Buffer.concat([
    fields(1, [plainCluster(customRule(i))]),
    fields(2, [fields(1, [fields(1, [serviceObject(serviceName(i))])])]),
  ]);

/** PostRouteModifyRequest for the same rule. */
export const routeHookRequest = (i: number): Buffer =>
  Buffer.concat([
    fields(1, [Route.encode(routeTo(customRule(i))).finish()]),
    fields(2, [
      Buffer.concat([fields(1, [fields(1, [serviceObject(serviceName(i))])]), fields(2, [Buffer.from('*')])]),
    ]),
  ]);

/** The cluster as the Cluster hook leaves it. */
const stampedCluster = (i: number): Uint8Array =>
  valuesOf(stampCluster(clusterHookRequest(i)), 1)[0] ?? new Uint8Array();

/** The cluster as it comes with `clusterStatName: "%BACKEND_REFS%"`, without a Cluster hook. */
const namedCluster = (i: number): Uint8Array =>
  plainCluster(customRule(i), { altStatName: `default/${serviceName(i)}` });

const foreignRule = (i: number): string => ruleName(`team-${i % 50}`, `checkout-service-${i}`);

/** Route configurations as Envoy Gateway makes them: one per listener, a virtual host per hostname, 50 routes in each. */
export function routeConfigurations(rules: readonly string[]): Uint8Array[] {
  const hosts = indexes(Math.ceil(rules.length / 50)).map((h) => ({
    name: `default/gateway/http/host-${h}`,
    domains: [`host-${h}.example.com`],
    routes: rules.slice(h * 50, h * 50 + 50).map(routeTo),
  }));
  return indexes(Math.ceil(hosts.length / 20)).map((c) =>
    RouteConfiguration.encode(
      RouteConfiguration.fromPartial({
        name: `default/gateway/http-${c}`,
        ignorePortInHostMatching: true,
        virtualHosts: hosts.slice(c * 20, c * 20 + 20),
      }),
    ).finish(),
  );
}

export interface TranslationShape {
  /** Clusters of others: every tenth with TLS settings, or all. */
  readonly foreign: number;
  readonly tls: 'some' | 'all';
  /** Rules with a custom backend, stamped. */
  readonly custom: number;
}

/** The resources of a PostTranslateModifyRequest, serialized one by one. */
export interface TranslationResources {
  readonly clusters: readonly Uint8Array[];
  readonly listeners: readonly Uint8Array[];
  readonly routes: readonly Uint8Array[];
}

export function translationResources({ foreign, tls, custom }: TranslationShape): TranslationResources {
  const foreignClusters = indexes(foreign).map((i) =>
    tls === 'all' || i % 10 === 0 ? tlsCluster(foreignRule(i)) : plainCluster(foreignRule(i)),
  );
  return {
    clusters: [...foreignClusters, ...indexes(custom).map(stampedCluster)],
    listeners: [listener('default/gateway/http')],
    // Those of others and ours in configurations of their own, as on two listeners.
    routes: [
      ...routeConfigurations(indexes(foreign).map(foreignRule)),
      ...routeConfigurations(indexes(custom).map(customRule)),
    ],
  };
}

/** PostTranslateModifyRequest. */
export const translationRequest = ({ clusters, listeners, routes }: TranslationResources): Buffer =>
  Buffer.concat([fields(2, clusters), fields(4, listeners), fields(5, routes)]);

/** What stands behind the clusters in the Translation request of all custom rules. */
export const customSuffix = (): Buffer =>
  Buffer.concat([
    fields(4, [listener('default/gateway/http')]),
    fields(5, routeConfigurations(indexes(customRules).map(customRule))),
  ]);

/** The clusters of all custom rules as they come with the one-call option. */
export const namedClusters = (): Buffer => fields(2, indexes(customRules).map(namedCluster));

/** A Translation request of about this size: 64 MB are as many clusters as nobody should have. */
export function requestOfBytes(bytes: number): Buffer {
  const sample = translationRequest(translationResources({ foreign: 1000, tls: 'all', custom: 0 })).length;
  return translationRequest(
    translationResources({ foreign: Math.round((bytes / sample) * 1000), tls: 'all', custom: 100 }),
  );
}
