import type { Kind } from '../kinds/kind.ts';
import { isObject } from '../object.ts';
import type { Json } from '../object.ts';
import { objectMetaSchema, propertySchema, typeMeta } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { itemElement } from './structure.ts';
import { printedElement } from './field-set.ts';

/**
 * What keeps a configuration from being applied at all: a field that the schema does not declare, a list or map where
 * it declares the other, two items with one key. Undefined where it can be applied; values are validated later.
 */
export function typedMisfit(config: Json, kind: Kind): string | undefined {
  const properties = { ...kind.schema.properties, ...typeMeta, metadata: objectMetaSchema };
  return misfit(config, { ...kind.schema, properties }, '');
}

function misfit(value: Json | undefined, schema: Schema | undefined, path: string): string | undefined {
  if (value === null || value === undefined || schema === undefined) return undefined;
  if (schema['x-kubernetes-int-or-string'] === true) return undefined;
  if (schema.type === 'object' && !isObject(value)) return `${path}: expected map, got &{${String(value)}}`;
  if (schema.type === 'array' && !Array.isArray(value)) return `${path}: expected list, got &{${String(value)}}`;
  if (Array.isArray(value)) return listMisfit(value, schema, path);
  if (!isObject(value)) return undefined;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;
  for (const [key, child] of Object.entries(value)) {
    const property = propertySchema(schema, key);
    if (property === undefined && !open) return `${path}.${key}: field not declared in schema`;
    const found = misfit(child, property, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function listMisfit(value: Json[], schema: Schema, path: string): string | undefined {
  const type = schema['x-kubernetes-list-type'];
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    const element = itemElement(item, schema);
    if ((type === 'set' || type === 'map') && seen.has(element)) {
      return `${path}: duplicate entries for key ${printedElement(element)}`;
    }
    seen.add(element);
    const found = misfit(item, schema.items, `${path}[${i}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}
