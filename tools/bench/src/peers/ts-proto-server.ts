// A peer: the hooks as a straightforward TypeScript server answers them. ts-proto decodes the whole request and encodes
// the whole response; the work in between is that of the Go peer (tools/bench/go/extension-server).
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ApiConfigSource_ApiType, ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import type { RouteAction } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import {
  type EnvoyGatewayExtensionServer,
  EnvoyGatewayExtensionService,
} from '@tsgateway/protos/proto/extension/service';

interface Stamp {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
}

type Resources = readonly { readonly unstructuredBytes: Uint8Array }[];

const decoder = new TextDecoder();
const stampKey = 'gateway.tailscale.com/backends';

function stampsOf(resources: Resources): Stamp[] {
  return resources.flatMap(({ unstructuredBytes }) => {
    const { apiVersion, kind, metadata } = JSON.parse(decoder.decode(unstructuredBytes)) as {
      apiVersion: string;
      kind: string;
      metadata: Omit<Stamp, 'kind'>;
    };
    const { namespace, name, generation } = metadata;
    return apiVersion.startsWith('gateway.tailscale.com/') ? [{ kind, namespace, name, generation }] : [];
  });
}

function stamp(resource: { metadata?: Cluster['metadata'] } | undefined, resources: Resources): void {
  const backends = stampsOf(resources);
  if (!resource || backends.length === 0) return;
  resource.metadata ??= { filterMetadata: {}, typedFilterMetadata: {} };
  resource.metadata.filterMetadata[stampKey] = { backends };
}

function serviceOf(cluster: Cluster): string | undefined {
  const found = cluster.metadata?.filterMetadata[stampKey] as { backends?: Stamp[] } | undefined;
  const [backend] = found?.backends ?? [];
  return backend && `tsgateway/${backend.namespace}/${backend.name}/80`;
}

const serviceCluster = (name: string, base: Cluster): Cluster =>
  Cluster.fromPartial({
    ...base,
    ...{ name, metadata: undefined },
    edsClusterConfig: {
      serviceName: name,
      edsConfig: {
        resourceApiVersion: ApiVersion.V3,
        configSourceSpecifier: {
          $case: 'apiConfigSource',
          value: {
            apiType: ApiConfigSource_ApiType.DELTA_GRPC,
            transportApiVersion: ApiVersion.V3,
            grpcServices: [{ targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: 'tsgateway_eds' } } }],
          },
        },
      },
    },
  });

function redirect({ clusterSpecifier: c }: RouteAction, renamed: ReadonlyMap<string, string>): void {
  if (c?.$case === 'cluster') c.value = renamed.get(c.value) ?? c.value;
  if (c?.$case !== 'weightedClusters') return;
  for (const share of c.value.clusters) share.name = renamed.get(share.name) ?? share.name;
}

const hooks: EnvoyGatewayExtensionServer = {
  postRouteModify: ({ request: { route, postRouteContext } }, done) => {
    stamp(route, postRouteContext?.extensionResources ?? []);
    done(null, { route });
  },
  postClusterModify: ({ request: { cluster, postClusterContext } }, done) => {
    stamp(cluster, postClusterContext?.backendExtensionResources ?? []);
    done(null, { cluster });
  },
  postTranslateModify: ({ request: { clusters, secrets, listeners, routes } }, done) => {
    const kept: Cluster[] = [];
    const ours = new Map<string, Cluster>();
    const renamed = new Map<string, string>();
    for (const cluster of clusters) {
      const service = serviceOf(cluster);
      if (service === undefined) {
        kept.push(cluster);
        continue;
      }
      renamed.set(cluster.name, service);
      if (!ours.has(service)) ours.set(service, serviceCluster(service, cluster));
    }
    for (const { action } of routes.flatMap((c) => c.virtualHosts.flatMap((h) => h.routes))) {
      if (action?.$case === 'route') redirect(action.value, renamed);
    }
    const added = [...ours.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    done(null, { clusters: [...kept, ...added], secrets, listeners, routes });
  },
  postVirtualHostModify: ({ request: { virtualHost } }, done) => done(null, { virtualHost }),
  postHttpListenerModify: ({ request: { listener } }, done) => done(null, { listener }),
  postEndpointsModify: ({ request: { loadAssignment } }, done) => done(null, { loadAssignment }),
};

const server = new Server({ 'grpc.max_receive_message_length': 100 * 1024 * 1024, 'grpc.max_send_message_length': -1 });
server.addService(EnvoyGatewayExtensionService, hooks);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
