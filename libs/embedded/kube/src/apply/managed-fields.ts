import { asJson, asKube, jsonEqual } from '../object.ts';
import type { JsonObject, KubeObject, ManagedFieldsEntry } from '../object.ts';
import type { Schema } from '../schema/schema.ts';
import { StatusError } from '../status-error.ts';
import type { Cause } from '../status-error.ts';
import { compare, fieldsOf } from './compare.ts';
import {
  difference,
  emptySet,
  equalSets,
  fromFieldsV1,
  insert,
  intersection,
  isEmpty,
  printedPaths,
  toFieldsV1,
  union,
  without,
} from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { dropUnowned, mergeApplied } from './merge.ts';

/** Who writes, through which endpoint. */
export interface Writer {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  /** `status` where the write went to that subresource. */
  subresource: string;
  /** RFC 3339, seconds. */
  now: string;
  /** Top-level fields that this endpoint ignores, and that its writers therefore never own. */
  ignored: readonly string[];
  schema: Schema;
}

interface Owner {
  entry: Omit<ManagedFieldsEntry, 'fieldsV1'>;
  set: FieldSet;
}

const maxUpdaters = 10;
const ancient = 'ancient-changes';

const serverOwned = [
  ['f:apiVersion'],
  ['f:kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((f) => ['f:metadata', `f:${f}`]),
];

function ownable(set: FieldSet, ignored: readonly string[]): FieldSet {
  let left = set;
  for (const path of serverOwned) left = without(left, path);
  for (const field of ignored) left = without(left, [`f:${field}`]);
  // `metadata` itself is nobody's.
  const metadata = left.children.get('f:metadata');
  if (metadata?.member === true) {
    left = { member: left.member, children: new Map(left.children) };
    const rest: FieldSet = { member: false, children: metadata.children };
    if (isEmpty(rest)) left.children.delete('f:metadata');
    else left.children.set('f:metadata', rest);
  }
  return left;
}

/** Appliers are one per name and subresource; updaters also per API version. */
function identity(entry: Omit<ManagedFieldsEntry, 'fieldsV1'>): string {
  const version = entry.operation === 'Apply' ? '' : entry.apiVersion;
  return JSON.stringify([entry.manager, entry.operation, version, entry.subresource ?? '']);
}

function ownersOf(entries: readonly ManagedFieldsEntry[] | undefined): Map<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const { fieldsV1, ...entry } of entries ?? []) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') continue;
    owners.set(identity(entry), { entry, set: fromFieldsV1(fieldsV1) });
  }
  return owners;
}

function writerEntry(writer: Writer): Omit<ManagedFieldsEntry, 'fieldsV1'> {
  return {
    manager: writer.manager,
    operation: writer.operation,
    apiVersion: writer.apiVersion,
    time: writer.now,
    fieldsType: 'FieldsV1',
    ...(writer.subresource === '' ? {} : { subresource: writer.subresource }),
  };
}

function encode(owners: Map<string, Owner>): ManagedFieldsEntry[] {
  return [...owners.values()]
    .filter((owner) => !isEmpty(owner.set))
    .map(({ entry, set }) => ({ ...entry, fieldsV1: toFieldsV1(set) }))
    .sort(
      (a, b) =>
        a.operation.localeCompare(b.operation) ||
        (a.time ?? '').localeCompare(b.time ?? '') ||
        (a.manager < b.manager ? -1 : a.manager > b.manager ? 1 : 0) ||
        (a.subresource ?? '').localeCompare(b.subresource ?? ''),
    );
}

/** The oldest updaters beyond the bound become one entry, so that managedFields cannot grow without limit. */
function capUpdaters(owners: Map<string, Owner>): void {
  const updaters = [...owners].filter(([, o]) => o.entry.operation === 'Update' && o.entry.manager !== ancient);
  const oldest = updaters.sort((a, b) => (a[1].entry.time ?? '').localeCompare(b[1].entry.time ?? ''));
  for (const [id, owner] of oldest.slice(0, Math.max(0, updaters.length - maxUpdaters))) {
    owners.delete(id);
    const { subresource: _, ...entry } = { ...owner.entry, manager: ancient };
    const bucket = owners.get(identity(entry));
    owners.set(identity(entry), { entry, set: bucket === undefined ? owner.set : union(bucket.set, owner.set) });
  }
}

function setOwner(owners: Map<string, Owner>, writer: Writer, set: FieldSet): void {
  const entry = writerEntry(writer);
  const id = identity(entry);
  const before = owners.get(id);
  const same = before !== undefined && equalSets(before.set, set) && before.entry.apiVersion === entry.apiVersion;
  owners.set(id, { entry: same ? before.entry : entry, set });
}

const bare = (object: KubeObject | undefined): unknown => {
  if (object === undefined) return {};
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
};

/**
 * managedFields after a write that is not an apply: what it changed becomes the writer's, and leaves all others.
 * `next.metadata.managedFields` wins over the live ones if present (an empty list resets ownership).
 */
export function afterUpdate(
  live: KubeObject | undefined,
  next: KubeObject,
  writer: Writer,
): ManagedFieldsEntry[] | undefined {
  const given = next.metadata.managedFields;
  if (given !== undefined && given.every((e) => Object.keys(e).length === 0) && live !== undefined) return undefined;
  const owners = ownersOf(live === undefined ? [] : (given ?? live.metadata.managedFields));
  const change = compare(bare(live), bare(next), writer.schema);
  const own = identity(writerEntry(writer));
  const changed = ownable(union(change.modified, change.added), writer.ignored);
  for (const [id, owner] of owners) {
    if (id !== own) owner.set = difference(difference(owner.set, changed), change.removed);
  }
  const before = owners.get(own)?.set ?? emptySet();
  setOwner(owners, writer, union(difference(before, change.removed), changed));
  capUpdaters(owners);
  return encode(owners);
}

/**
 * Server-side apply: merges `config` over `live`, drops what its manager applied before and nobody owns now, and
 * returns the new object with its managedFields.
 *
 * @throws {StatusError} 409 with one cause per field when another manager owns a field that would change, unless forced.
 */
export function applyConfig(
  live: KubeObject | undefined,
  config: KubeObject,
  of: { writer: Writer; force: boolean },
): KubeObject {
  const { writer, force } = of;
  const { schema } = writer;
  const owners = ownersOf(live?.metadata.managedFields);
  const own = identity(writerEntry(writer));
  const last = owners.get(own)?.set;
  const applied = ownable(fieldsOf(config, schema), writer.ignored);
  setOwner(owners, writer, applied);
  let merged = mergeApplied(bare(live), bare(config), schema);
  if (last !== undefined && !isEmpty(last)) {
    const kept = [...owners.values()].map((o) => o.set).reduce(union, emptySet());
    // What names the object is nobody's and always stays.
    for (const path of serverOwned) insert(kept, path);
    merged = dropUnowned(merged, { last, kept, schema });
  }
  const change = compare(bare(live), merged, schema);
  const changed = union(change.modified, change.added);
  const conflicts: Conflict[] = [];
  for (const [id, owner] of owners) {
    if (id === own) continue;
    const disputed = intersection(owner.set, ownable(changed, writer.ignored));
    if (!isEmpty(disputed)) conflicts.push({ owner, set: disputed });
    owner.set = difference(difference(owner.set, disputed), change.removed);
  }
  if (conflicts.length > 0 && !force) {
    const disputed = withoutLastApplied(conflicts, { live, writer });
    if (disputed.length > 0) throw applyConflict(disputed);
    return applyConfig(live, config, { writer, force: true });
  }
  const next = asKube(merged as JsonObject);
  const managedFields = encode(owners);
  return { ...next, metadata: { ...next.metadata, managedFields } };
}

interface Conflict {
  owner: Owner;
  set: FieldSet;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Whoever moves from `kubectl apply` to `kubectl apply --server-side` takes over what the former applied: conflicts
 * about fields that still are as its annotation says do not count for the manager `kubectl`.
 */
function withoutLastApplied(conflicts: Conflict[], of: { live: KubeObject | undefined; writer: Writer }): Conflict[] {
  const { live, writer } = of;
  const annotation = live?.metadata.annotations?.[lastApplied];
  if (writer.manager !== 'kubectl' || live === undefined || annotation === undefined) return conflicts;
  let config: unknown;
  try {
    config = JSON.parse(annotation);
  } catch {
    return conflicts;
  }
  const change = compare(bare(live), config, writer.schema);
  const changed = union(union(change.modified, change.added), change.removed);
  const allowed = difference(fieldsOf(config, writer.schema), changed);
  return conflicts
    .map(({ owner, set }) => ({ owner, set: difference(set, allowed) }))
    .filter(({ set }) => !isEmpty(set));
}

function printedOwner({ entry }: Owner): string {
  const name = JSON.stringify(entry.manager);
  const whole =
    entry.subresource === undefined ? name : `${name} with subresource ${JSON.stringify(entry.subresource)}`;
  return entry.operation === 'Update' ? `${whole} using ${entry.apiVersion}` : whole;
}

function applyConflict(conflicts: Conflict[]): StatusError {
  const causes: Cause[] = conflicts.flatMap(({ owner, set }) =>
    printedPaths(set).map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${printedOwner(owner)}`,
      field,
    })),
  );
  const [only] = causes;
  const text =
    causes.length === 1 && only !== undefined
      ? `1 conflict: ${only.message}: ${only.field}`
      : `${causes.length} conflicts: ${conflicts
          .map((c) => [`conflicts with ${printedOwner(c.owner)}:`, ...printedPaths(c.set).map((p) => `- ${p}`)])
          .sort()
          .flat()
          .join('\n')}`;
  return new StatusError({ code: 409, reason: 'Conflict', message: `Apply failed with ${text}`, details: { causes } });
}

/** True where two objects differ in nothing that a client sees, apart from times in managedFields. */
export function sameContent(a: KubeObject, b: KubeObject): boolean {
  const timeless = (o: KubeObject): unknown => ({
    ...asJson(o),
    metadata: {
      ...o.metadata,
      managedFields: (o.metadata.managedFields ?? []).map(({ time: _, ...entry }) => entry),
    },
  });
  return jsonEqual(timeless(a), timeless(b));
}
