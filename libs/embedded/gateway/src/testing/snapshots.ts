import { createServer } from 'node:net';
import { Cluster, Cluster_DiscoveryType } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ApiConfigSource_ApiType, ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type { Route } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { EDS_CLUSTER } from '../envoy/bootstrap.ts';
import { httpListener } from '../listener.ts';
import type { Snapshot } from '../snapshot.ts';

export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A loopback port that nobody has now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

type PartialCluster = Parameters<typeof Cluster.fromPartial>[0];

/** A cluster as the extension server makes them: endpoints by delta gRPC from the bootstrap's EDS cluster. */
export const edsCluster = (name: string, more: PartialCluster = {}): Cluster =>
  Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    connectTimeout: { seconds: 1n, nanos: 0 },
    edsClusterConfig: {
      serviceName: name,
      edsConfig: {
        resourceApiVersion: ApiVersion.V3,
        initialFetchTimeout: { seconds: 5n, nanos: 0 },
        configSourceSpecifier: {
          $case: 'apiConfigSource',
          value: {
            apiType: ApiConfigSource_ApiType.DELTA_GRPC,
            transportApiVersion: ApiVersion.V3,
            setNodeOnFirstMessageOnly: true,
            grpcServices: [{ targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: EDS_CLUSTER } } }],
          },
        },
      },
    },
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    ...more,
  });

/** One listener, one virtual host for all hosts. */
export const snapshotOf = (
  port: number,
  clusters: readonly Cluster[],
  routes: readonly Parameters<typeof Route.fromPartial>[0][],
): Snapshot => ({
  listeners: [httpListener({ name: 'test/listener', address: '127.0.0.1', port })],
  routeConfigurations: [
    RouteConfiguration.fromPartial({
      name: 'test/listener',
      ignorePortInHostMatching: true,
      virtualHosts: [{ name: 'all', domains: ['*'], routes: routes as Route[] }],
    }),
  ],
  clusters,
  endpoints: [],
});

export const toCluster = (cluster: string, prefix = '/'): Parameters<typeof Route.fromPartial>[0] => ({
  name: cluster,
  match: { pathSpecifier: { $case: 'prefix', value: prefix } },
  action: { $case: 'route', value: { clusterSpecifier: { $case: 'cluster', value: cluster } } },
});
