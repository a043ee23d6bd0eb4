import { isReservedAnnotation } from './derived-view.ts';
import { entryKey, formatEntry, isActive, MAX_CONSUMERS, type Entry } from './entry.ts';
import { readRegistry, type Registry } from './registry.ts';
import { withEntry, withRegistry } from './revision.ts';
import { sameSet, specDifferences, type ServiceRecord, type ServiceSpec, type SpecField } from './service-record.ts';

/** One object of one operator wants a VIP service. */
export interface EnsureRequest {
  name: string;
  operatorId: string;
  consumer: string;
  spec: ServiceSpec;
  /** Never create the service. */
  attachOnly: boolean;
  /**
   * What this operator knows of an earlier success. A write can be lost, the service deleted or its annotations
   * wiped: with this the operator comes back as what it was, not as a newcomer.
   */
  remembered?: Membership | undefined;
}

/** An operator's standing on a service. */
export interface Membership {
  joined: number;
  adopted: boolean;
  addrs: readonly string[];
}

export type EnsureResult =
  | {
      kind: 'joined';
      /** The service was not there: `write` creates it. */
      created: boolean;
      /** The service as it is once `write` is done. */
      record: ServiceRecord;
      registry: Registry;
      membership: Membership;
      /** Fields in which the service is not, and by this request will not be, what the request asks for. */
      conflicts: SpecField[];
    }
  /** Only with `attachOnly`. */
  | { kind: 'not-found' }
  /** This operator has `MAX_CONSUMERS` users of the service already. */
  | { kind: 'full' };

export interface EnsureDecision {
  /** The whole object to write; absent: all is as it should be. */
  write?: ServiceRecord;
  result: EnsureResult;
}

/**
 * What to do so that the service exists and this operator is one of its users. Deciding again on the result of the
 * write asks for no further write.
 *
 * - The owner (see `Registry.owner`) alone writes ports, tags, comment and its users' annotations, and of several
 *   objects of the owner the one that joined first. Everyone else gets what differs as `conflicts`.
 * - A service without any of our entries is foreign. It is joined, but never owned and never deleted.
 */
export function decideEnsure(
  observed: ServiceRecord | undefined,
  request: EnsureRequest,
  nowMs: number,
): EnsureDecision {
  const registry = readRegistry(observed?.annotations);
  if (request.attachOnly && (observed === undefined || isBeingDeleted(registry))) {
    return { result: { kind: 'not-found' } };
  }
  const own = registry.entries.get(request.operatorId);
  const joining = joinedEntry({ observed, registry, own, request, nowMs });
  if (joining.consumers.length > MAX_CONSUMERS) return { result: { kind: 'full' } };

  // A user's annotation can never stand in for an operator's entry.
  const spec = { ...request.spec, annotations: withoutReserved(request.spec.annotations) };
  const governs =
    withEntry(registry, request.operatorId, joining).owner === request.operatorId &&
    joining.consumers[0] === request.consumer;
  const entry: Entry = {
    ...joining,
    annotationKeys: governs ? Object.keys(spec.annotations) : (own?.annotationKeys ?? []),
  };
  const base: ServiceRecord = observed ?? created(request);
  const governed = governs ? governedRecord(base, spec, own?.annotationKeys ?? []) : undefined;

  const next = withEntry(registry, request.operatorId, entry);
  const entryChanged = base.annotations?.[entryKey(request.operatorId)] !== formatEntry(entry);
  const changed = observed === undefined || entryChanged || governed !== undefined;
  const record = changed ? withRegistry(governed ?? base, next, { operatorId: request.operatorId, nowMs }) : base;
  return {
    ...(changed ? { write: record } : {}),
    result: {
      kind: 'joined',
      created: observed === undefined,
      record,
      registry: next,
      membership: { joined: entry.joined, adopted: entry.adopted, addrs: record.addrs ?? [] },
      conflicts: specDifferences(record, spec),
    },
  };
}

/** Only operators that are leaving are left, and one of them may delete: to a consumer it is gone. */
function isBeingDeleted(registry: Registry): boolean {
  const entries = [...registry.entries.values()];
  return (
    registry.unreadable.length === 0 &&
    entries.some((entry) => !entry.adopted) &&
    !entries.some((entry) => isActive(entry))
  );
}

function joinedEntry(at: {
  observed: ServiceRecord | undefined;
  registry: Registry;
  own: Entry | undefined;
  request: EnsureRequest;
  nowMs: number;
}): Entry {
  const { observed, registry, own, request, nowMs } = at;
  const present = own?.consumers ?? [];
  return {
    joined: own !== undefined && isActive(own) ? own.joined : (request.remembered?.joined ?? after(registry, nowMs)),
    consumers: present.includes(request.consumer) ? present : [...present, request.consumer],
    adopted: own?.adopted ?? isAdopted(observed, registry, request.remembered),
    annotationKeys: [],
  };
}

/** A join is never older than those it saw, whatever its clock says: a newcomer does not take over. */
function after(registry: Registry, nowMs: number): number {
  const seen = [...registry.entries.values()].filter(isActive).map((entry) => entry.joined + 1);
  return Math.min(Math.max(nowMs, ...seen), 8_640_000_000_000_000);
}

/** Whether a service that this operator has no entry on was made by someone else than us. */
function isAdopted(
  observed: ServiceRecord | undefined,
  registry: Registry,
  remembered: Membership | undefined,
): boolean {
  if (observed === undefined) return false;
  // Same addresses: the very service that we made, with its annotations lost.
  const same =
    remembered !== undefined && remembered.addrs.length > 0 && sameSet(remembered.addrs, observed.addrs ?? []);
  if (same && !remembered.adopted) return false;
  return [...registry.entries.values()].every((entry) => entry.adopted);
}

function created(request: EnsureRequest): ServiceRecord {
  // A new service may ask for one IPv4; the IPv6 follows from the tailnet.
  const v4 = request.remembered?.addrs.find((address) => !address.includes(':'));
  return { name: request.name, ...(v4 === undefined ? {} : { addrs: [v4] }) };
}

function withoutReserved(annotations: ServiceSpec['annotations']): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !isReservedAnnotation(key)));
}

/** The record as its governor wants it; undefined where it already is. */
function governedRecord(
  record: ServiceRecord,
  spec: ServiceSpec,
  written: readonly string[],
): ServiceRecord | undefined {
  const dropped = written.filter((key) => !Object.hasOwn(spec.annotations, key));
  const stale = dropped.some((key) => Object.hasOwn(record.annotations ?? {}, key));
  const differences = specDifferences(record, spec);
  if (differences.length === 0 && !stale) return undefined;
  const kept = Object.entries(record.annotations ?? {}).filter(([key]) => !dropped.includes(key));
  return {
    ...record,
    ...(differences.includes('ports') ? { ports: [...spec.ports] } : {}),
    ...(differences.includes('tags') ? { tags: [...spec.tags] } : {}),
    ...(differences.includes('comment') ? { comment: spec.comment } : {}),
    annotations: Object.fromEntries([...kept, ...Object.entries(spec.annotations)]),
  };
}
