import { clone, isObject } from '../object.ts';
import type { JsonObject } from '../object.ts';
import { propertySchema } from './schema.ts';
import type { Schema } from './schema.ts';

/**
 * Fills missing values from `default`, outside in, as the API server does: a default that was just filled in is
 * itself defaulted; a null where the schema is not nullable and has a default counts as missing. Changes `value`.
 */
export function applyDefaults(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) applyDefaults(item, schema.items);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const present = value[key];
    if (property.default !== undefined && (present === undefined || (present === null && property.nullable !== true))) {
      value[key] = clone(property.default);
    }
  }
  for (const key of Object.keys(value)) applyDefaults(value[key], propertySchema(schema, key));
}

/** Drops nulls of fields that are not nullable: `required` and defaults see them as absent. */
export function dropNulls(value: JsonObject, schema: Schema | undefined): void {
  for (const key of Object.keys(value)) {
    const property = propertySchema(schema, key);
    const child = value[key];
    if (child === null && property !== undefined && property.nullable !== true) {
      delete value[key];
    } else if (isObject(child)) {
      dropNulls(child, property);
    } else if (Array.isArray(child)) {
      for (const item of child) if (isObject(item)) dropNulls(item, property?.items);
    }
  }
}
