import { DERIVED_KEYS, derivedView } from './derived-view.ts';
import { entryKey, formatEntry, type Entry } from './entry.ts';
import { registryOf, type Registry } from './registry.ts';
import type { ServiceRecord } from './service-record.ts';

/** The registry once `entry` is this operator's; undefined takes the operator off. */
export function withEntry(registry: Registry, operatorId: string, entry: Entry | undefined): Registry {
  const entries = new Map(registry.entries);
  if (entry === undefined) entries.delete(operatorId);
  else entries.set(operatorId, entry);
  return registryOf(
    entries,
    registry.unreadable.filter((id) => id !== operatorId),
  );
}

/**
 * The record with this operator's entry as `registry` has it, and with the view derived from it. All other
 * annotations stay, byte for byte. A service that nobody of ours uses any more loses the derived view too.
 */
export function withRegistry(
  record: ServiceRecord,
  registry: Registry,
  { operatorId, nowMs }: { operatorId: string; nowMs: number },
): ServiceRecord {
  const entry = registry.entries.get(operatorId);
  const ours = new Set<string>([entryKey(operatorId), ...Object.values(DERIVED_KEYS)]);
  const kept = Object.entries(record.annotations ?? {}).filter(([key]) => !ours.has(key));
  const used = registry.entries.size > 0 || registry.unreadable.length > 0;
  return {
    ...record,
    annotations: Object.fromEntries([
      ...kept,
      ...(entry === undefined ? [] : [[entryKey(operatorId), formatEntry(entry)] as const]),
      ...(used ? Object.entries(derivedView(registry, nowMs)) : []),
    ]),
  };
}
