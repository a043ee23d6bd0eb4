import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { Router } from '@tsgateway/protos/envoy/extensions/filters/http/router/v3/router';
import { HttpConnectionManager } from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { HTTP_CONNECTION_MANAGER, LEAST_REQUEST, ROUTER, TYPE_PREFIX } from '../any.ts';

const packed: Readonly<Record<string, { decode(b: Uint8Array): unknown }>> = {
  [LEAST_REQUEST]: LeastRequest,
  [ROUTER]: Router,
  [HTTP_CONNECTION_MANAGER]: HttpConnectionManager,
};

const isDefault = (v: unknown): boolean =>
  v === undefined ||
  v === '' ||
  v === 0 ||
  v === false ||
  v === 0n ||
  (Array.isArray(v) && v.length === 0) ||
  (Buffer.isBuffer(v) && v.length === 0);

/** A generated message as a reader wants it in a golden: no defaults, oneofs by their field, packed messages open. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const v = value as Record<string, unknown>;
  if (typeof v['typeUrl'] === 'string' && Buffer.isBuffer(v['value'])) {
    const type = v['typeUrl'].slice(TYPE_PREFIX.length);
    const codec = packed[type];
    return { '@type': type, ...(codec ? (plain(codec.decode(v['value'])) as object) : {}) };
  }
  const out: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(v)) {
    if (key === '_unknownFields' || isDefault(field)) continue;
    if (typeof field === 'object' && field !== null && '$case' in field && 'value' in field) {
      out[String(field.$case)] = plain(field.value);
    } else {
      const inner = plain(field);
      const empty = typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0;
      if (!empty || !(key.endsWith('Config') || key.endsWith('Metadata') || key.endsWith('Options'))) out[key] = inner;
    }
  }
  return out;
}
