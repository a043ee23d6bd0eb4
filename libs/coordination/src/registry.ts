import { isActive, operatorOf, parseEntry, type Entry } from './entry.ts';
import type { ServiceRecord } from './service-record.ts';

/** Who uses a VIP service: the union of all operators' entries. A merge of these commutes, as each has its own key. */
export interface Registry {
  /** Every entry that can be read, by operator. */
  entries: ReadonlyMap<string, Entry>;
  /** Operators whose entry cannot be read. They are never changed, and while one is there nothing is deleted. */
  unreadable: readonly string[];
  /** The operator that alone writes ports, tags and comment; none where all only joined a foreign service. */
  owner: string | undefined;
  /** All operators that use the service, but for the owner; sorted. */
  consumers: readonly string[];
}

/** Reads the registry of a service. Never throws: what cannot be read is listed as such. */
export function readRegistry(annotations: ServiceRecord['annotations']): Registry {
  const entries = new Map<string, Entry>();
  const unreadable: string[] = [];
  for (const [key, value] of Object.entries(annotations ?? {})) {
    const operator = operatorOf(key);
    if (operator === undefined) continue;
    const entry = parseEntry(value);
    if (entry === undefined) unreadable.push(operator);
    else entries.set(operator, entry);
  }
  return registryOf(entries, unreadable);
}

/** A registry from entries: finds the owner. */
export function registryOf(entries: ReadonlyMap<string, Entry>, unreadable: readonly string[]): Registry {
  const owner = ownerOf(entries);
  const consumers = [...entries]
    .filter(([operator, entry]) => isActive(entry) && operator !== owner)
    .map(([operator]) => operator)
    .sort();
  return { entries, unreadable, owner, consumers };
}

/** Oldest join, then lowest id: a function of the entries, so that all operators agree without talking. */
function ownerOf(entries: ReadonlyMap<string, Entry>): string | undefined {
  let best: { operator: string; joined: number } | undefined;
  for (const [operator, entry] of entries) {
    if (!isActive(entry) || entry.adopted) continue;
    const { joined } = entry;
    const wins = best === undefined || joined < best.joined || (joined === best.joined && operator < best.operator);
    if (wins) best = { operator, joined };
  }
  return best?.operator;
}
