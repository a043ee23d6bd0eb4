import { z } from 'zod';

/** What one operator says about itself on a VIP service: the value of its own annotation key. */
export interface Entry {
  /** When it joined, in ms since 1970. Given once; never a heartbeat. */
  joined: number;
  /** The objects of that operator that use the service, in the order in which they joined. The first one governs. */
  consumers: readonly string[];
  /** It joined a service that none of ours had created: it never owns it and never deletes it. */
  adopted: boolean;
  /** Set, with no consumers left: the first phase of a deletion, begun at this time (ms since 1970). */
  leaving?: number;
  /** Annotations that this operator wrote for its users, so that it can take back those they drop. */
  annotationKeys: readonly string[];
}

/** Most objects of one operator that can share one VIP service. Annotations are not made for more. */
export const MAX_CONSUMERS = 64;

const KEY_PREFIX = 'gateway.tailscale.com/operator.';
const time = z.int().min(0).max(8_640_000_000_000_000);

const stored = z.object({
  v: z.literal(1),
  joined: time,
  consumers: z.array(z.string().min(1)),
  adopted: z.literal(true).optional(),
  leaving: time.optional(),
  annotations: z.array(z.string()).optional(),
});

/** The one annotation that this operator owns. */
export function entryKey(operatorId: string): string {
  return KEY_PREFIX + operatorId;
}

/** The operator that owns an annotation key; undefined where the key is not an entry. */
export function operatorOf(annotationKey: string): string | undefined {
  return annotationKey.startsWith(KEY_PREFIX) && annotationKey.length > KEY_PREFIX.length
    ? annotationKey.slice(KEY_PREFIX.length)
    : undefined;
}

/** Reads an entry; undefined where it is malformed, or of a version that this code does not know. */
export function parseEntry(value: string): Entry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    return undefined;
  }
  const parsed = stored.safeParse(json);
  if (!parsed.success) return undefined;
  const { joined, consumers, adopted, leaving, annotations } = parsed.data;
  return {
    joined,
    consumers: [...new Set(consumers)],
    adopted: adopted === true,
    ...(leaving === undefined ? {} : { leaving }),
    annotationKeys: annotations ?? [],
  };
}

/** The one spelling of an entry: equal entries are equal strings. */
export function formatEntry(entry: Entry): string {
  return JSON.stringify({
    v: 1,
    joined: entry.joined,
    consumers: entry.consumers,
    ...(entry.adopted ? { adopted: true } : {}),
    ...(entry.leaving === undefined ? {} : { leaving: entry.leaving }),
    ...(entry.annotationKeys.length === 0 ? {} : { annotations: [...entry.annotationKeys].sort() }),
  });
}

/** Whether the operator uses the service now: one that is leaving does not. */
export function isActive(entry: Entry): boolean {
  return entry.consumers.length > 0;
}
