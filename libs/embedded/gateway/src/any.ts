import type { Any } from '@tsgateway/protos/google/protobuf/any';

/** What a generated message offers for packing. */
interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  fromPartial(partial: object): T;
}

export const TYPE_PREFIX = 'type.googleapis.com/';

export const HTTP_CONNECTION_MANAGER =
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
export const ROUTER = 'envoy.extensions.filters.http.router.v3.Router';
export const LEAST_REQUEST = 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest';
export const ROUND_ROBIN = 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin';
export const WRR_LOCALITY = 'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality';

/** Packs a message of the named type. */
export function pack<T>(type: string, codec: Codec<T>, message: object): Any {
  return { typeUrl: TYPE_PREFIX + type, value: Buffer.from(codec.encode(codec.fromPartial(message)).finish()) };
}
