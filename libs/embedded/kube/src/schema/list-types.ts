import { isObject } from '../object.ts';
import type { Json } from '../object.ts';
import type { FieldError } from '../status-error.ts';
import { propertySchema } from './schema.ts';
import type { Schema } from './schema.ts';
import { fieldOf } from './validate.ts';

/** The values of an item's list-map keys, defaults filled in; a key without a value is left out. */
export function mapKeyOf(item: unknown, schema: Schema): Record<string, Json> {
  const key: Record<string, Json> = {};
  for (const name of schema['x-kubernetes-list-map-keys'] ?? []) {
    const value = isObject(item) ? item[name] : undefined;
    const used = value ?? schema.items?.properties?.[name]?.default;
    if (used !== undefined) key[name] = used;
  }
  return key;
}

/** A string that is equal for equal keys: fields sorted by name, as in managedFields. */
export function canonical(value: Json): string {
  if (!isObject(value)) return JSON.stringify(value);
  const sorted = Object.keys(value).sort();
  return `{${sorted.map((k) => `${JSON.stringify(k)}:${canonical(value[k] ?? null)}`).join(',')}}`;
}

/** Findings of duplicates in lists of type `set` and `map`. */
export function validateListTypes(
  value: unknown,
  schema: Schema | undefined,
  path: (string | number)[] = [],
): FieldError[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) {
    const errors = duplicates(value, schema, path);
    value.forEach((item, i) => errors.push(...validateListTypes(item, schema.items, [...path, i])));
    return errors;
  }
  if (!isObject(value)) return [];
  return Object.keys(value).flatMap((key) =>
    validateListTypes(value[key], propertySchema(schema, key), [...path, key]),
  );
}

function duplicates(list: unknown[], schema: Schema, path: (string | number)[]): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const seen = new Set<string>();
  const told = new Set<string>();
  const errors: FieldError[] = [];
  list.forEach((item, i) => {
    const id = canonical(type === 'set' ? (item as Json) : mapKeyOf(item, schema));
    if (seen.has(id) && !told.has(id)) {
      told.add(id);
      errors.push({ field: fieldOf([...path, i]), reason: 'FieldValueDuplicate', message: `Duplicate value: ${id}` });
    }
    seen.add(id);
  });
  return errors;
}
