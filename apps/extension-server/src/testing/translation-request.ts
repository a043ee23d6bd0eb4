import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import {
  PostClusterModifyRequest,
  PostClusterModifyResponse,
  PostTranslateModifyRequest,
} from '@tsgateway/protos/proto/extension/service';
import { stampCluster } from '@tsgateway/xds';

export interface Rule {
  /** As Envoy Gateway names its cluster. */
  readonly rule: string;
  readonly backend?: { readonly kind: string; readonly name: string; readonly generation: number };
}

/** What Envoy Gateway sends to the Cluster hook for a rule. */
export const clusterRequest = ({ rule, backend }: Rule): PostClusterModifyRequest =>
  PostClusterModifyRequest.fromPartial({
    cluster: Cluster.fromPartial({ name: rule }),
    postClusterContext: {
      backendExtensionResources: backend
        ? [
            {
              unstructuredBytes: Buffer.from(
                JSON.stringify({
                  apiVersion: 'gateway.tailscale.com/v1alpha1',
                  kind: backend.kind,
                  metadata: { namespace: 'default', name: backend.name, generation: backend.generation },
                }),
              ),
            },
          ]
        : [],
    },
  });

/** What Envoy Gateway sends to the Translation hook: the clusters of these rules, and a route to each. */
export function translationMessage(clusters: readonly Cluster[]): PostTranslateModifyRequest {
  const routes = clusters.map(({ name }) => ({
    name,
    action: { $case: 'route' as const, value: { clusterSpecifier: { $case: 'cluster' as const, value: name } } },
  }));
  return PostTranslateModifyRequest.fromPartial({
    clusters: [...clusters],
    routes: [RouteConfiguration.fromPartial({ name: 'http', virtualHosts: [{ name: '*', domains: ['*'], routes }] })],
  });
}

export function translationRequest(rules: readonly Rule[]): Uint8Array {
  const clusters = rules.flatMap((rule) => {
    const answer = stampCluster(PostClusterModifyRequest.encode(clusterRequest(rule)).finish());
    return PostClusterModifyResponse.decode(answer).cluster ?? [];
  });
  return PostTranslateModifyRequest.encode(translationMessage(clusters)).finish();
}
