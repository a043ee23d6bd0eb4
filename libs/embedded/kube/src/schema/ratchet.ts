import { isObject, jsonEqual } from '../object.ts';
import { canonical, mapKeyOf } from './list-types.ts';
import { propertySchema } from './schema.ts';
import type { Schema } from './schema.ts';
import type { SchemaError } from './validate.ts';

/**
 * Findings of an update that concern values the update did not change are forgiven, so that a stored object which a
 * newer schema refuses can still be edited elsewhere (the API server's validation ratcheting).
 */
export function ratchet(
  errors: readonly SchemaError[],
  of: { old: unknown; new: unknown; schema: Schema },
): SchemaError[] {
  return errors.filter((error) => !unchanged(error.node, of));
}

function unchanged(node: readonly (string | number)[], of: { old: unknown; new: unknown; schema: Schema }): boolean {
  let { old, new: now } = of;
  let schema: Schema | undefined = of.schema;
  for (const step of node) {
    if (jsonEqual(old, now)) return true;
    if (typeof step === 'number') {
      // Items correspond only by key: those of atomic lists and sets do not.
      if (schema?.['x-kubernetes-list-type'] !== 'map' || !Array.isArray(now) || !Array.isArray(old)) return false;
      const listSchema: Schema = schema;
      const id = canonical(mapKeyOf(now[step], listSchema));
      now = now[step];
      old = old.find((item) => canonical(mapKeyOf(item, listSchema)) === id);
      schema = listSchema.items;
    } else {
      if (!isObject(now) || !isObject(old)) return false;
      now = now[step];
      old = old[step];
      schema = propertySchema(schema, step);
    }
  }
  return old !== undefined && jsonEqual(old, now);
}
