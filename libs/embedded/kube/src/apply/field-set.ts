import { isObject } from '../object.ts';
import type { Json, JsonObject } from '../object.ts';

/**
 * A set of field paths as a tree. Keys are path elements in the spelling of FieldsV1: `f:name` (field), `k:{...}`
 * (item of a list map), `v:...` (item of a set), `i:0` (index). `member` says that the node's own path is in the set.
 */
export interface FieldSet {
  member: boolean;
  children: Map<string, FieldSet>;
}

export function emptySet(): FieldSet {
  return { member: false, children: new Map() };
}

export function isEmpty(set: FieldSet | undefined): boolean {
  if (set === undefined) return true;
  return !set.member && [...set.children.values()].every(isEmpty);
}

/** Adds a path; the set is changed. */
export function insert(set: FieldSet, path: readonly string[]): void {
  let at = set;
  for (const element of path) {
    let child = at.children.get(element);
    if (child === undefined) at.children.set(element, (child = emptySet()));
    at = child;
  }
  at.member = true;
}

function combine(
  a: FieldSet | undefined,
  b: FieldSet | undefined,
  keep: (a: boolean, b: boolean) => boolean,
): FieldSet {
  const set = emptySet();
  set.member = keep(a?.member ?? false, b?.member ?? false);
  for (const key of new Set([...(a?.children.keys() ?? []), ...(b?.children.keys() ?? [])])) {
    const child = combine(a?.children.get(key), b?.children.get(key), keep);
    if (!isEmpty(child)) set.children.set(key, child);
  }
  return set;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (x, y) => x || y);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (x, y) => x && y);
}

/** The members of `a` that are not members of `b`; children of a removed member stay. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return combine(a, b, (x, y) => x && !y);
}

/** The set without `path` and everything below it. */
export function without(set: FieldSet, path: readonly string[]): FieldSet {
  const [first, ...rest] = path;
  if (first === undefined) return emptySet();
  const child = set.children.get(first);
  if (child === undefined) return set;
  const children = new Map(set.children);
  const left = without(child, rest);
  if (isEmpty(left)) children.delete(first);
  else children.set(first, left);
  return { member: set.member, children };
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return isEmpty(difference(a, b)) && isEmpty(difference(b, a));
}

/** FieldsV1: a leaf is `{}`; a member that has children carries `.`; keys are sorted. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const json: JsonObject = {};
  if (set.children.size === 0) return json;
  if (set.member) json['.'] = {};
  for (const key of [...set.children.keys()].sort()) {
    const child = set.children.get(key);
    if (child !== undefined && !isEmpty(child)) json[key] = toFieldsV1(child);
  }
  return json;
}

export function fromFieldsV1(json: unknown): FieldSet {
  const root = parseNode(json);
  root.member = false;
  return root;
}

function parseNode(json: unknown): FieldSet {
  const set = emptySet();
  const entries = isObject(json) ? Object.entries(json) : [];
  if (entries.length === 0) set.member = true;
  for (const [key, child] of entries) {
    if (key === '.') set.member = true;
    else if (/^[fkvi]:/.test(key)) set.children.set(key, parseNode(child));
  }
  return set;
}

/** Every member as the API server prints it in a conflict: `.spec.containers[name="a"].image`, sorted. */
export function printedPaths(set: FieldSet, prefix = ''): string[] {
  const paths: string[] = set.member ? [prefix] : [];
  for (const [key, child] of set.children) paths.push(...printedPaths(child, prefix + printedElement(key)));
  return paths.sort();
}

/** A path element as it is printed in messages. */
export function printedElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('i:')) return `[${text}]`;
  if (element.startsWith('v:')) return `[=${text}]`;
  const key = JSON.parse(text) as Record<string, Json>;
  return `[${Object.entries(key)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}]`;
}
