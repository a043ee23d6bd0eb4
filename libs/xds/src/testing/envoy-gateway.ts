import { Cluster, Cluster_DiscoveryType } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type { RouteAction } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import {
  PostClusterModifyRequest,
  PostClusterModifyResponse,
  PostTranslateModifyRequest,
} from '@tsgateway/protos/proto/extension/service';
import { stampCluster } from '../cluster-hook.ts';

type Partial<T extends { fromPartial(p: never): unknown }> = Parameters<T['fromPartial']>[0];

/** What Envoy Gateway would send: test data says only what matters. */
export interface TranslationInput {
  readonly clusters: readonly {
    readonly name: string;
    /** `<kind>/<name>@<generation>` of the rule's custom backends. */
    readonly backends?: readonly string[];
    readonly settings?: Partial<typeof Cluster>;
  }[];
  /** By the name of the route: a cluster, or weights by cluster; and what else its action has. */
  readonly routes: Readonly<
    Record<string, { cluster?: string; weights?: Record<string, number>; action?: Partial<typeof RouteAction> }>
  >;
  readonly hostRetries?: boolean;
  /** Policies in the context. */
  readonly policies?: readonly object[];
}

export function ruleCluster(name: string, settings: Partial<typeof Cluster> = {}): Cluster {
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
    metadata: {
      filterMetadata: { 'envoy-gateway': { resources: [{ kind: 'HTTPRoute', name: 'of', namespace: 'the rule' }] } },
    },
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

export function translationRequest(input: TranslationInput): Uint8Array {
  const routes = Object.entries(input.routes).map(([name, { cluster, weights, action }]) => ({
    name,
    action: {
      $case: 'route' as const,
      value: {
        clusterSpecifier:
          weights === undefined
            ? { $case: 'cluster' as const, value: cluster ?? '' }
            : {
                $case: 'weightedClusters' as const,
                value: { clusters: Object.entries(weights).map(([c, weight]) => ({ name: c, weight })) },
              },
        ...action,
      },
    },
  }));
  const configuration = RouteConfiguration.fromPartial({
    name: 'default/gateway/http',
    virtualHosts: [
      { name: 'all', domains: ['*'], routes, ...(input.hostRetries && { retryPolicy: { retryOn: '5xx' } }) },
    ],
  });
  return PostTranslateModifyRequest.encode(
    PostTranslateModifyRequest.fromPartial({
      postTranslateContext: { extensionResources: (input.policies ?? []).map(resource) },
      clusters: input.clusters.map(({ name, backends, settings }) => {
        const cluster = ruleCluster(name, settings);
        return backends ? stamped(cluster, backends) : cluster;
      }),
      routes: [configuration],
    }),
  ).finish();
}
