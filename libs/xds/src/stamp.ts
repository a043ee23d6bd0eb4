import type { BackendKind } from '@tsgateway/model';
import { Metadata_FilterMetadataEntry } from '@tsgateway/protos/envoy/config/core/v3/base';
import { concat, fieldOf, mapField, readable, stringOf, valuesOf } from './wire.ts';

/** One custom backend of a rule, as Envoy Gateway saw it. */
export interface StampedBackend {
  readonly kind: BackendKind;
  readonly namespace: string;
  readonly name: string;
  /** Of the object; a model that has a lower one is behind Envoy Gateway. */
  readonly generation: number;
}

const apiGroup = 'gateway.tailscale.com';
/** As a long text, which is found faster among megabytes. */
export const metadataKey = 'gateway.tailscale.com/backends';

/** Field numbers: Cluster.metadata, Metadata.filter_metadata, and the key of its entries. */
const METADATA = 25;
const FILTER_METADATA = 1;
const KEY = 1;

/** Reads a Kubernetes object that Envoy Gateway hands over; undefined: it is no backend of ours. */
export function backendOf(json: string): StampedBackend | undefined {
  let object: unknown;
  try {
    object = JSON.parse(json);
  } catch {
    return undefined;
  }
  const { apiVersion, kind, metadata } = (object ?? {}) as Record<string, unknown>;
  const { namespace, name, generation } = (metadata ?? {}) as Record<string, unknown>;
  if (typeof apiVersion !== 'string' || !apiVersion.startsWith(`${apiGroup}/`)) return undefined;
  if (kind !== 'TailscaleServices' && kind !== 'TailscaleEndpoints') return undefined;
  if (typeof name !== 'string' || typeof namespace !== 'string') return undefined;
  return { kind, namespace, name, generation: typeof generation === 'number' ? generation : 0 };
}

/** The cluster with its rule's backends in `metadata.filter_metadata[metadataKey]`; all else byte by byte as it was. */
export function writeStamp(cluster: Uint8Array, backends: readonly StampedBackend[]): Uint8Array {
  const entry = Metadata_FilterMetadataEntry.encode({
    key: metadataKey,
    value: {
      backends: backends.map(({ kind, namespace, name, generation }) => ({ kind, namespace, name, generation })),
    },
  }).finish();
  const field = fieldOf(FILTER_METADATA, entry);
  const last = valuesOf(cluster, METADATA).at(-1);
  if (last === undefined) return concat([cluster, fieldOf(METADATA, field)]);
  // A later entry of the same key wins, so a second stamp replaces the first.
  return mapField(cluster, METADATA, (value) =>
    value.byteOffset === last.byteOffset ? concat([value, field]) : value,
  );
}

/** What `writeStamp` left in a serialized cluster; undefined: nothing. */
export function readStamp(cluster: Uint8Array): StampedBackend[] | undefined {
  const value = filterMetadata(cluster, metadataKey) as { backends?: unknown } | undefined;
  if (value === undefined) return undefined;
  return Array.isArray(value.backends) ? value.backends.flatMap(asBackend) : [];
}

/** The name of the rule for which Envoy Gateway made a cluster or route, from its metadata. */
export function readRuleName(resource: Uint8Array, metadataField: number = METADATA): string | undefined {
  const value = filterMetadata(resource, 'envoy-gateway', metadataField) as { resources?: unknown } | undefined;
  const [first] = Array.isArray(value?.resources) ? (value.resources as unknown[]) : [];
  const { sectionName } = (first ?? {}) as { sectionName?: unknown };
  return typeof sectionName === 'string' && sectionName !== '' ? sectionName : undefined;
}

/** The last entry of a key counts; undefined: there is none that can be read. */
function filterMetadata(resource: Uint8Array, key: string, metadataField: number = METADATA): unknown {
  let found: unknown;
  for (const metadata of valuesOf(resource, metadataField)) {
    for (const entry of valuesOf(metadata, FILTER_METADATA)) {
      if (stringOf(entry, KEY) !== key) continue;
      found = readable(() => Metadata_FilterMetadataEntry.decode(entry).value);
    }
  }
  return found;
}

function asBackend(value: unknown): StampedBackend[] {
  const { kind, namespace, name, generation } = (value ?? {}) as Partial<StampedBackend>;
  if (kind !== 'TailscaleServices' && kind !== 'TailscaleEndpoints') return [];
  if (typeof namespace !== 'string' || typeof name !== 'string') return [];
  return [{ kind, namespace, name, generation: generation ?? 0 }];
}
