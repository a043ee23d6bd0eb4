import { isObject, jsonEqual } from '../object.ts';
import { isDeclared, propertySchema } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { emptySet, insert } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { itemElement, itemsByElement, structureOf } from './structure.ts';

/** What changed between two objects, as sets of field paths. */
export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** Compares two objects along their schema, as structured-merge-diff does for managed fields. */
export function compare(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
  const result: Comparison = { added: emptySet(), modified: emptySet(), removed: emptySet() };
  walk({ before, after, schema, path: [] }, result);
  return result;
}

interface At {
  before: unknown;
  after: unknown;
  schema: Schema | undefined;
  path: string[];
}

function isBlank(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}

function walk(at: At, result: Comparison): void {
  const { before, after, schema, path } = at;
  if (before === undefined && after === undefined) return;
  const shape = structureOf(after ?? before, schema);
  const other = structureOf(before ?? after, schema);
  // Two empty containers are compared as leaves, which keeps null, absent and empty apart.
  if (shape === 'leaf' || shape !== other || (isBlank(before) && isBlank(after))) {
    leaf(at, result);
    return;
  }
  if (shape === 'map') {
    const from = isObject(before) ? before : {};
    const to = isObject(after) ? after : {};
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const child = propertySchema(schema, key);
      walk({ before: from[key], after: to[key], schema: child, path: [...path, `f:${key}`] }, result);
    }
  } else {
    const from = itemsByElement(before, schema);
    const to = itemsByElement(after, schema);
    for (const element of new Set([...from.keys(), ...to.keys()])) {
      walk(
        { before: from.get(element), after: to.get(element), schema: schema?.items, path: [...path, element] },
        result,
      );
    }
  }
  if (path.length === 0) return;
  if (before === undefined) insert(result.added, path);
  else if (after === undefined) insert(result.removed, path);
}

function leaf({ before, after, path }: At, result: Comparison): void {
  if (before === undefined) insert(result.added, path);
  else if (after === undefined) insert(result.removed, path);
  else if (!jsonEqual(before, after)) insert(result.modified, path);
}

/** The fields that an applied configuration names, which its manager thereby owns. */
export function fieldsOf(value: unknown, schema: Schema | undefined): FieldSet {
  const set = emptySet();
  collect({ value, schema, path: [] }, set);
  return set;
}

function collect(at: { value: unknown; schema: Schema | undefined; path: string[] }, set: FieldSet): void {
  const { value, schema, path } = at;
  const shape = structureOf(value, schema);
  if (shape === 'leaf') {
    if (path.length > 0) insert(set, path);
  } else if (shape === 'map' && isObject(value)) {
    for (const [key, child] of Object.entries(value)) {
      if (child === undefined) continue;
      const below = [...path, `f:${key}`];
      collect({ value: child, schema: propertySchema(schema, key), path: below }, set);
      // Entries of a map are owned as such; fields of a struct only where there is nothing below them.
      if (!isDeclared(schema, key) || isBlankMap(child)) insert(set, below);
    }
  } else if (Array.isArray(value)) {
    for (const item of value) {
      const below = [...path, itemElement(item, schema)];
      collect({ value: item, schema: schema?.items, path: below }, set);
      insert(set, below);
    }
  }
}

function isBlankMap(value: unknown): boolean {
  return value === null || (isObject(value) && Object.keys(value).length === 0);
}
