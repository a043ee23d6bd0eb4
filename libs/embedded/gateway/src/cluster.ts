import {
  Cluster,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
} from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { LEAST_REQUEST, pack } from './any.ts';
import type { BackendSetting } from './backend-refs.ts';
import { backendName } from './names.ts';

const CONNECT_TIMEOUT_S = 10n;
const BUFFER_LIMIT_BYTES = 32_768;
const MAX_RETRIES = 1024;

/** What Envoy Gateway writes under `envoy-gateway` into the metadata of what it makes from an object. */
export const ownerMetadata = (kind: string, object: { namespace: string; name: string }) => ({
  filterMetadata: { 'envoy-gateway': { resources: [{ kind, namespace: object.namespace, name: object.name }] } },
});

/** The cluster of a rule as Envoy Gateway hands it to the Cluster hook: endpoints over ADS under its own name. */
export function ruleCluster(name: string, route: { namespace: string; name: string }): Cluster {
  return Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      edsConfig: { configSourceSpecifier: { $case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3 },
      serviceName: name,
    },
    connectTimeout: { seconds: CONNECT_TIMEOUT_S, nanos: 0 },
    dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
    perConnectionBufferLimitBytes: BUFFER_LIMIT_BYTES,
    circuitBreakers: { thresholds: [{ maxRetries: MAX_RETRIES }] },
    commonLbConfig: {},
    lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
    loadBalancingPolicy: {
      policies: [
        {
          typedExtensionConfig: {
            name: 'envoy.load_balancing_policies.least_request',
            typedConfig: pack(LEAST_REQUEST, LeastRequest, {
              localityLbConfig: { localityConfigSpecifier: { $case: 'localityWeightedLbConfig', value: {} } },
            }),
          },
        },
      ],
    },
    ignoreHealthOnHostRemoval: true,
    metadata: ownerMetadata('HTTPRoute', route),
  });
}

/**
 * The endpoints of a cluster as Envoy Gateway gives them: one locality for each backendRef with its weight; those of
 * custom backends are empty.
 */
export function loadAssignment(cluster: string, of: { rule: string; settings: readonly BackendSetting[] }) {
  return ClusterLoadAssignment.fromPartial({
    clusterName: cluster,
    endpoints: of.settings.map(({ index, weight, target }) => ({
      locality: { region: backendName(of.rule, index) },
      loadBalancingWeight: weight,
      lbEndpoints: (target.kind === 'service' ? target.endpoints : []).map(({ address, port }) => ({
        hostIdentifier: {
          $case: 'endpoint',
          value: {
            address: {
              address: {
                $case: 'socketAddress',
                value: { address, portSpecifier: { $case: 'portValue', value: port } },
              },
            },
          },
        },
        loadBalancingWeight: 1,
      })),
    })),
  });
}
