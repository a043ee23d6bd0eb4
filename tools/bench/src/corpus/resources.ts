// What Envoy Gateway 1.9 sends, made here: the fields, names and sizes of its clusters, routes and listeners.
import { Cluster, Cluster_DiscoveryType } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import { Route } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { UpstreamTlsContext } from '@tsgateway/protos/envoy/extensions/transport_sockets/tls/v3/tls';

type Fields<T extends { fromPartial(p: never): unknown }> = Parameters<T['fromPartial']>[0];

const adsSource = { resourceApiVersion: ApiVersion.V3, configSourceSpecifier: { $case: 'ads', value: {} } } as const;

const any = (type: string, bytes: Uint8Array) => ({
  typeUrl: `type.googleapis.com/envoy.extensions.${type}`,
  value: Buffer.from(bytes),
});

const leastRequest = any(
  'load_balancing_policies.least_request.v3.LeastRequest',
  LeastRequest.encode(
    LeastRequest.fromPartial({
      localityLbConfig: { localityConfigSpecifier: { $case: 'localityWeightedLbConfig', value: {} } },
    }),
  ).finish(),
);

/** Name of the cluster of a route's only rule. */
export const ruleName = (namespace: string, route: string): string => `httproute/${namespace}/${route}/rule/0`;

/** The cluster of a rule, about 350 bytes; `more` goes on top. */
export const plainCluster = (rule: string, more: Fields<typeof Cluster> = {}): Uint8Array =>
  Cluster.encode(
    Cluster.fromPartial({
      name: rule,
      clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
      edsClusterConfig: { serviceName: rule, edsConfig: adsSource },
      connectTimeout: { seconds: 10n },
      perConnectionBufferLimitBytes: 32_768,
      circuitBreakers: { thresholds: [{ maxRetries: 1024 }] },
      commonLbConfig: {},
      ignoreHealthOnHostRemoval: true,
      dnsLookupFamily: 4,
      loadBalancingPolicy: {
        policies: [
          { typedExtensionConfig: { name: 'envoy.load_balancing_policies.least_request', typedConfig: leastRequest } },
        ],
      },
      metadata: {
        filterMetadata: {
          'envoy-gateway': {
            resources: [{ kind: 'HTTPRoute', name: rule.split('/')[2], namespace: rule.split('/')[1] }],
          },
        },
      },
      ...more,
    }),
  ).finish();

/** The cluster of a rule whose backends have TLS policies, about 1.2 KB. */
export function tlsCluster(rule: string): Uint8Array {
  const [, namespace, name] = rule.split('/');
  const context = UpstreamTlsContext.encode(
    UpstreamTlsContext.fromPartial({
      sni: `${name}.${namespace}.example.com`,
      commonTlsContext: {
        validationContextType: {
          $case: 'combinedValidationContext',
          value: {
            defaultValidationContext: {
              matchTypedSubjectAltNames: [`${name}.${namespace}.example.com`, `${name}.internal.example.com`].map(
                (exact) => ({ sanType: 2, matcher: { matchPattern: { $case: 'exact' as const, value: exact } } }),
              ),
            },
            validationContextSdsSecretConfig: { name: `${namespace}/${name}-ca`, sdsConfig: adsSource },
          },
        },
        tlsCertificateSdsSecretConfigs: [{ name: 'envoy-gateway-system/client-auth', sdsConfig: adsSource }],
      },
    }),
  ).finish();
  const socket = {
    name: 'envoy.transport_sockets.tls',
    configType: {
      $case: 'typedConfig' as const,
      value: any('transport_sockets.tls.v3.UpstreamTlsContext', context),
    },
  };
  return plainCluster(rule, {
    transportSocketMatches: [0, 1].map((i) => ({
      name: `${rule}/tls/${i}`,
      match: { name: `${rule}/tls/${i}` },
      transportSocket: socket,
    })),
  });
}

/** A route to the cluster of the same name. */
export const routeTo = (rule: string): Route =>
  Route.fromPartial({
    name: `${rule}/match/0/*`,
    match: { pathSpecifier: { $case: 'pathSeparatedPrefix', value: `/${rule.split('/')[2]}` } },
    metadata: {
      filterMetadata: {
        'envoy-gateway': {
          resources: [{ kind: 'HTTPRoute', name: rule.split('/')[2], namespace: rule.split('/')[1] }],
        },
      },
    },
    action: {
      $case: 'route',
      value: {
        clusterSpecifier: { $case: 'cluster', value: rule },
        upgradeConfigs: [{ upgradeType: 'websocket' }],
      },
    },
  });

/** A listener, small: its filters do not matter here. */
export const listener = (name: string): Uint8Array =>
  Listener.encode(
    Listener.fromPartial({
      name,
      address: {
        address: {
          $case: 'socketAddress',
          value: { address: '0.0.0.0', portSpecifier: { $case: 'portValue', value: 10_080 } },
        },
      },
      perConnectionBufferLimitBytes: 32_768,
    }),
  ).finish();

/** A TailscaleServices as Envoy Gateway hands it over, whole, as JSON. */
export const serviceObject = (name: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      apiVersion: 'gateway.tailscale.com/v1alpha1',
      kind: 'TailscaleServices',
      metadata: {
        ...{ name, namespace: 'default', generation: 1, resourceVersion: '184467' },
        uid: '0d1c9c0e-5a0f-4c8b-9a3e-6f1c2d3b4a59',
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'shop' },
      },
      spec: {
        selector: { matchLabels: { app: name, tier: 'backend' } },
        loadBalancing: { strategy: 'failover', failoverConfig: { failbackDelay: '60s' } },
        healthCheck: { enabled: true, path: '/healthz', interval: '10s', timeout: '2s' },
      },
      status: {
        conditions: [
          { type: 'Accepted', status: 'True', reason: 'Accepted', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      },
    }),
  );
