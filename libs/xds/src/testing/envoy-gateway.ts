import { Cluster, Cluster_DiscoveryType } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type { Route, RouteAction, RouteMatch } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { HttpConnectionManager } from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { HttpProtocolOptions } from '@tsgateway/protos/envoy/extensions/upstreams/http/v3/http_protocol_options';
import {
  PostClusterModifyRequest,
  PostClusterModifyResponse,
  PostTranslateModifyRequest,
} from '@tsgateway/protos/proto/extension/service';
import { pack } from '../any.ts';
import { stampCluster } from '../cluster-hook.ts';

type Partial<T extends { fromPartial(p: never): unknown }> = Parameters<T['fromPartial']>[0];

/** What Envoy Gateway would send: test data says only what matters. */
export interface TranslationInput {
  readonly clusters: readonly ClusterInput[];
  readonly routes: Readonly<Record<string, RouteInput>>;
  readonly hostRetries?: boolean;
  /** Policies in the context. */
  readonly policies?: readonly object[];
  /** By name: its connection manager without the route configuration. */
  readonly listeners?: Readonly<Record<string, Partial<typeof HttpConnectionManager>>>;
}

export interface ClusterInput {
  readonly name: string;
  /** `<kind>/<name>@<generation>` of the rule's custom backends: the Cluster hook is called with them. */
  readonly backends?: readonly string[];
  readonly settings?: Partial<typeof Cluster>;
  /** Of the route's rule. */
  readonly ruleName?: string;
  /** A Service of a GRPCRoute is in it. */
  readonly http2?: boolean;
}

/** A cluster, or weights by cluster, or a status to answer; and what else its action has. */
export interface RouteInput {
  readonly cluster?: string;
  readonly weights?: Record<string, number>;
  readonly status?: number;
  readonly action?: Partial<typeof RouteAction>;
  readonly match?: Partial<typeof RouteMatch>;
  readonly route?: Partial<typeof Route>;
}

const metadata = (sectionName?: string) => ({
  filterMetadata: {
    'envoy-gateway': {
      resources: [{ kind: 'HTTPRoute', name: 'of', namespace: 'the rule', ...(sectionName && { sectionName }) }],
    },
  },
});

const http2Options = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': pack(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    HttpProtocolOptions,
    HttpProtocolOptions.fromPartial({
      upstreamProtocolOptions: {
        $case: 'explicitHttpConfig',
        value: { protocolConfig: { $case: 'http2ProtocolOptions', value: {} } },
      },
    }),
  ),
};

export function ruleCluster(name: string, settings: Partial<typeof Cluster> = {}, ruleName?: string): Cluster {
  return Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      serviceName: name,
      edsConfig: { resourceApiVersion: ApiVersion.V3, configSourceSpecifier: { $case: 'ads', value: {} } },
    },
    connectTimeout: { seconds: 10n },
    perConnectionBufferLimitBytes: 32_768,
    circuitBreakers: { thresholds: [{ maxRetries: 1024 }] },
    ignoreHealthOnHostRemoval: true,
    metadata: metadata(ruleName),
    ...settings,
  });
}

/** The cluster as it comes back from the Cluster hook. */
export function stamped(cluster: Cluster, backends: readonly string[]): Cluster {
  const request = PostClusterModifyRequest.fromPartial({
    cluster,
    postClusterContext: {
      backendExtensionResources: backends.map((text) => {
        const [, kind, name, generation] = /^(\w+)\/([\w-]+)@(\d+)$/.exec(text) ?? [];
        return resource({
          apiVersion: 'gateway.tailscale.com/v1alpha1',
          kind,
          metadata: { namespace: 'default', name, generation: Number(generation) },
        });
      }),
    },
  });
  const answer = stampCluster(PostClusterModifyRequest.encode(request).finish());
  return PostClusterModifyResponse.decode(answer).cluster ?? cluster;
}

const resource = (object: object) => ({ unstructuredBytes: Buffer.from(JSON.stringify(object)) });

function clusterOf({ name, backends, settings, ruleName, http2 }: ClusterInput): Cluster {
  const options = http2 === true ? { typedExtensionProtocolOptions: http2Options } : {};
  const cluster = ruleCluster(name, { ...options, ...settings }, ruleName);
  return backends ? stamped(cluster, backends) : cluster;
}

function routeOf(name: string, { cluster, weights, status, action, match, route }: RouteInput): Partial<typeof Route> {
  const common = { name, metadata: metadata(), ...(match && { match }), ...route };
  if (status !== undefined) return { ...common, action: { $case: 'directResponse', value: { status } } };
  const clusterSpecifier =
    weights === undefined
      ? { $case: 'cluster' as const, value: cluster ?? '' }
      : {
          $case: 'weightedClusters' as const,
          value: { clusters: Object.entries(weights).map(([c, weight]) => ({ name: c, weight })) },
        };
  return { ...common, action: { $case: 'route', value: { clusterSpecifier, ...action } } };
}

const routeConfigName = 'default/gateway/http';

const listenerOf = (name: string, manager: Partial<typeof HttpConnectionManager>): Listener =>
  Listener.fromPartial({
    name,
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            configType: {
              $case: 'typedConfig',
              value: pack(
                'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                HttpConnectionManager,
                HttpConnectionManager.fromPartial({
                  statPrefix: name,
                  routeSpecifier: {
                    $case: 'rds',
                    value: { routeConfigName: name === 'ready' ? 'ready' : routeConfigName },
                  },
                  ...manager,
                }),
              ),
            },
          },
        ],
      },
    ],
  });

export function translationRequest(input: TranslationInput): Uint8Array {
  const routes = Object.entries(input.routes).map(([name, route]) => routeOf(name, route));
  const configuration = RouteConfiguration.fromPartial({
    name: routeConfigName,
    virtualHosts: [
      { name: 'all', domains: ['*'], routes, ...(input.hostRetries && { retryPolicy: { retryOn: '5xx' } }) },
    ],
  });
  return PostTranslateModifyRequest.encode(
    PostTranslateModifyRequest.fromPartial({
      postTranslateContext: { extensionResources: (input.policies ?? []).map(resource) },
      clusters: input.clusters.map(clusterOf),
      listeners: Object.entries(input.listeners ?? {}).map(([name, manager]) => listenerOf(name, manager)),
      routes: [configuration],
    }),
  ).finish();
}
