import { createHash } from 'node:crypto';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type { Snapshot } from '../snapshot.ts';

export const CLUSTER_TYPE = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const ENDPOINT_TYPE = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const LISTENER_TYPE = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const ROUTE_TYPE = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

/** One resource as it goes over the wire; its version is a hash of its bytes, so equal bytes are never sent again. */
export interface XdsResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Buffer;
}

/** Resources by type and name. */
export type XdsResources = ReadonlyMap<string, ReadonlyMap<string, XdsResource>>;

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
}

export function xdsResources(snapshot: Snapshot): XdsResources {
  return new Map([
    [CLUSTER_TYPE, encodeAll(Cluster, snapshot.clusters)],
    [LISTENER_TYPE, encodeAll(Listener, snapshot.listeners)],
    [ROUTE_TYPE, encodeAll(RouteConfiguration, snapshot.routeConfigurations)],
    [
      ENDPOINT_TYPE,
      new Map(snapshot.endpoints.map((e) => [e.clusterName, encode(ClusterLoadAssignment, e.clusterName, e)])),
    ],
  ]);
}

/** Whoever asks for the endpoints of a cluster that has none gets an empty list. */
export const noEndpoints = (clusterName: string): XdsResource =>
  encode(ClusterLoadAssignment, clusterName, ClusterLoadAssignment.fromPartial({ clusterName }));

const encodeAll = <T extends { readonly name: string }>(codec: Codec<T>, messages: readonly T[]) =>
  new Map(messages.map((m) => [m.name, encode(codec, m.name, m)]));

function encode<T>(codec: Codec<T>, name: string, message: T): XdsResource {
  const bytes = Buffer.from(codec.encode(message).finish());
  return { name, bytes, version: createHash('sha256').update(bytes).digest('base64url').slice(0, 22) };
}
