import { isObject } from '../object.ts';
import type { JsonObject } from '../object.ts';
import { isDeclared, objectMetaSchema, propertySchema, typeMeta } from './schema.ts';
import type { Schema } from './schema.ts';

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** Removes fields that the schema does not declare and returns their paths. Changes `root`, which is a whole object. */
export function prune(root: JsonObject, schema: Schema): string[] {
  const unknown: string[] = [];
  pruneObject(root, { schema, path: '', embedded: true, unknown });
  return unknown;
}

interface At {
  schema: Schema | undefined;
  path: string;
  /** The object is a whole resource: apiVersion, kind and metadata are known. */
  embedded: boolean;
  unknown: string[];
}

function pruneObject(value: JsonObject, at: At): void {
  const keep = at.schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  for (const key of Object.keys(value)) {
    const path = join(at.path, key);
    if (at.embedded && Object.hasOwn(typeMeta, key)) continue;
    if (at.embedded && key === 'metadata') {
      pruneValue(value[key], { ...at, schema: objectMetaSchema, path, embedded: false });
      continue;
    }
    const property = propertySchema(at.schema, key);
    if (property === undefined && !isDeclared(at.schema, key) && at.schema?.additionalProperties !== true) {
      // Below a node that keeps unknown fields, only declared fields are looked into.
      if (keep) continue;
      at.unknown.push(path);
      delete value[key];
      continue;
    }
    pruneValue(value[key], { ...at, schema: property, path, embedded: false });
  }
}

function pruneValue(value: unknown, at: At): void {
  const { schema } = at;
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    value.forEach((item, i) => pruneValue(item, { ...at, schema: schema.items, path: `${at.path}[${i}]` }));
    return;
  }
  if (!isObject(value)) return;
  // A node without any declaration of fields (int-or-string, any) keeps what it has only if it says so.
  pruneObject(value, { ...at, embedded: schema['x-kubernetes-embedded-resource'] === true });
}
