import type { Json } from '../object.ts';
import type { Schema } from '../schema/schema.ts';

// Built-in kinds keep unknown fields: their schemas exist for merge keys, defaults and documentation, not to refuse.
export const any: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
export const text: Schema = { type: 'string' };
export const int: Schema = { type: 'integer', format: 'int32' };
export const flag: Schema = { type: 'boolean' };
export const time: Schema = { type: 'string', format: 'date-time', nullable: true };
export const intOrString: Schema = { 'x-kubernetes-int-or-string': true };
export const textMap: Schema = { type: 'object', additionalProperties: { type: 'string' } };

export function struct(properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema {
  return { type: 'object', properties, 'x-kubernetes-preserve-unknown-fields': true, ...more };
}

export function or(value: Json, schema: Schema): Schema {
  return { ...schema, default: value };
}

export function atomicList(items: Schema): Schema {
  return { type: 'array', items, 'x-kubernetes-list-type': 'atomic' };
}

export function setList(items: Schema): Schema {
  return { type: 'array', items, 'x-kubernetes-list-type': 'set' };
}

/** A list whose items are told apart by keys; a key without a default is required. */
export function mapList(keys: string[], items: Schema): Schema {
  const needed = keys.filter((key) => items.properties?.[key]?.default === undefined);
  const required = [...new Set([...(items.required ?? []), ...needed])];
  const checked = required.length === 0 ? items : { ...items, required };
  return { type: 'array', items: checked, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

export function described(description: string, schema: Schema): Schema {
  return { ...schema, description };
}

/** A struct that is owned and replaced as one piece. */
export function atomic(schema: Schema): Schema {
  return { ...schema, 'x-kubernetes-map-type': 'atomic' };
}

export const conditions: Schema = mapList(
  ['type'],
  struct({ type: text, status: text, reason: text, message: text, lastTransitionTime: time, observedGeneration: int }),
);

export const labelSelector: Schema = atomic(
  struct({
    matchLabels: textMap,
    matchExpressions: atomicList(struct({ key: text, operator: text, values: atomicList(text) })),
  }),
);

export const objectReference: Schema = atomic(
  struct({
    apiVersion: text,
    kind: text,
    name: text,
    namespace: text,
    uid: text,
    resourceVersion: text,
    fieldPath: text,
  }),
);
