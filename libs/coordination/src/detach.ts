import { entryKey, isActive } from './entry.ts';
import { readRegistry } from './registry.ts';
import { withEntry, withRegistry } from './revision.ts';
import type { ServiceRecord } from './service-record.ts';

/** One object of one operator no longer wants a VIP service. */
export interface DetachRequest {
  operatorId: string;
  consumer: string;
  /** How long the last one waits between saying that it leaves and deleting, in ms: longer than a joiner's write takes. */
  settleMs: number;
}

export type DetachDecision =
  /** Write this, read again, decide again. */
  | { kind: 'write'; record: ServiceRecord }
  /** Nobody uses the service and it was ours: delete it, read again, decide again. */
  | { kind: 'delete' }
  /** Read again after this many ms, decide again. */
  | { kind: 'wait'; ms: number }
  /** The object is no user of the service any more. */
  | { kind: 'left' }
  /** The service does not exist. */
  | { kind: 'gone' };

/**
 * The next step of taking one object off a service. The last user of a service that we created deletes it in two
 * phases: it first marks its entry as leaving, and deletes only if, `settleMs` later, nobody has joined. Everyone
 * else only takes its own key away. Nothing foreign, and nothing that an unreadable entry may be using, is deleted.
 */
export function decideDetach(
  observed: ServiceRecord | undefined,
  request: DetachRequest,
  nowMs: number,
): DetachDecision {
  if (observed === undefined) return { kind: 'gone' };
  const { operatorId } = request;
  const registry = readRegistry(observed.annotations);
  const own = registry.entries.get(operatorId);
  const written = (entry: typeof own): DetachDecision => ({
    kind: 'write',
    record: withRegistry(observed, withEntry(registry, operatorId, entry), { operatorId, nowMs }),
  });

  if (own === undefined) {
    // An own entry that cannot be read is taken away: other objects of this operator put theirs back by asking again.
    return Object.hasOwn(observed.annotations ?? {}, entryKey(operatorId)) ? written(undefined) : { kind: 'left' };
  }
  if (isActive(own)) {
    if (!own.consumers.includes(request.consumer)) return { kind: 'left' };
    const consumers = own.consumers.filter((consumer) => consumer !== request.consumer);
    if (consumers.length > 0) return written({ ...own, consumers });
  }
  const inUse =
    registry.unreadable.length > 0 ||
    [...registry.entries].some(([operator, entry]) => operator !== operatorId && isActive(entry));
  if (own.adopted || inUse) return written(undefined);
  // A time to come is a clock that was set back: begin again rather than wait for it.
  if (own.leaving === undefined || own.leaving > nowMs) {
    return written({ ...own, consumers: [], leaving: nowMs, annotationKeys: [] });
  }
  const remaining = own.leaving + request.settleMs - nowMs;
  return remaining > 0 ? { kind: 'wait', ms: remaining } : { kind: 'delete' };
}
