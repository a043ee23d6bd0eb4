import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { RoundRobin } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin';
import { HttpConnectionManager } from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { PreviousHostsPredicate } from '@tsgateway/protos/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts';
import { UpstreamTlsContext } from '@tsgateway/protos/envoy/extensions/transport_sockets/tls/v3/tls';
import { HttpProtocolOptions } from '@tsgateway/protos/envoy/extensions/upstreams/http/v3/http_protocol_options';
import { stringOf } from '../wire.ts';

const packed: Record<string, { decode(bytes: Uint8Array): unknown }> = {
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': LeastRequest,
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': RoundRobin,
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate': PreviousHostsPredicate,
  'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': UpstreamTlsContext,
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': HttpProtocolOptions,
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': HttpConnectionManager,
  'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter': {
    decode: (bytes) => ({ expression: stringOf(bytes, 1) }),
  },
};

/** A decoded message as a reader wants to see it: no defaults, packed messages unpacked, oneofs as fields. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Record<string, unknown>;
  const type = typeof object['typeUrl'] === 'string' ? object['typeUrl'].split('/')[1] : undefined;
  const codec = type === undefined ? undefined : packed[type];
  if (codec) return { '@type': type, ...(plain(codec.decode(object['value'] as Uint8Array)) as object) };
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, v]): [string, unknown][] => {
      if (isOneof(v)) return [[v.$case, plain(v.value)]];
      const shown = plain(v);
      return isDefault(shown) && !isKept(key, v) ? [] : [[key, shown]];
    }),
  );
}

const isOneof = (v: unknown): v is { $case: string; value: unknown } =>
  typeof v === 'object' && v !== null && '$case' in v;

/** A wrapper or message that is there and says 0. */
const isKept = (key: string, v: unknown): boolean =>
  ['healthyPanicThreshold', 'http2ProtocolOptions'].includes(key) || (key.startsWith('enforcing') && v === 0);

const isDefault = (v: unknown): boolean =>
  v === undefined ||
  v === '' ||
  v === 0 ||
  v === false ||
  (Array.isArray(v) && v.length === 0) ||
  (typeof v === 'object' && v !== null && !Array.isArray(v) && Object.keys(v).length === 0);
