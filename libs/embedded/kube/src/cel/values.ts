import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { celMap, celList } from '@bufbuild/cel';
import type { CelInput } from '@bufbuild/cel';
import { isObject } from '../object.ts';
import { propertySchema } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { durationOf } from './duration.ts';

const escapes: Record<string, string> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
};
const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** A property name as a CEL identifier, as the API server escapes it. */
export function escapedName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name.replace(/__|[.\-/]/g, (found) => escapes[found] ?? found);
}

/**
 * A JSON value as CEL sees it through its schema: integers are int, formats date-time and duration are timestamp and
 * duration, struct fields that the schema does not declare are invisible, map entries are all there.
 */
export function celValue(value: unknown, schema: Schema | undefined): CelInput {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return celList(value.map((item) => celValue(item, schema?.items)));
  if (isObject(value)) {
    const entries = new Map<string, CelInput>();
    for (const [key, child] of Object.entries(value)) {
      if (child === undefined) continue;
      const declared = schema?.properties !== undefined && Object.hasOwn(schema.properties, key);
      const property = propertySchema(schema, key);
      if (property === undefined && schema !== undefined && schema.additionalProperties !== true) continue;
      // The API server reads a null of a field that is not nullable as absent.
      if (child === null && property?.nullable !== true) continue;
      entries.set(declared ? escapedName(key) : key, celValue(child, property));
    }
    return celMap(entries);
  }
  if (typeof value === 'number') {
    const integral = schema?.type === 'integer' || (schema?.type !== 'number' && Number.isInteger(value));
    return integral ? BigInt(value) : value;
  }
  if (typeof value === 'string') {
    if (schema?.format === 'date-time' && !Number.isNaN(Date.parse(value))) return timestampFromDate(new Date(value));
    if (schema?.format === 'duration') return durationOf(value) ?? value;
    return value;
  }
  return value as boolean;
}
