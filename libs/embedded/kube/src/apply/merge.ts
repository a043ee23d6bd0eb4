import { clone, isObject } from '../object.ts';
import type { Json, JsonObject } from '../object.ts';
import { propertySchema } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { isEmpty } from './field-set.ts';
import type { FieldSet } from './field-set.ts';
import { itemElement, itemsByElement, structureOf } from './structure.ts';

/** `live` with everything that `config` says laid over it, by field and by list item. Neither is changed. */
export function mergeApplied(live: unknown, config: unknown, schema: Schema | undefined): unknown {
  if (config === undefined) return clone(live);
  const shape = structureOf(config, schema);
  if (shape === 'leaf' || structureOf(live, schema) !== shape) return clone(config);
  if (shape === 'map') {
    const merged: JsonObject = { ...(clone(live) as JsonObject) };
    for (const [key, value] of Object.entries(config as JsonObject)) {
      if (value !== undefined) merged[key] = mergeApplied(merged[key], value, propertySchema(schema, key)) as Json;
    }
    return merged;
  }
  return mergeItems(live as unknown[], config as unknown[], schema);
}

/** Applied items come in the configuration's order; others keep their place among them. */
function mergeItems(live: unknown[], config: unknown[], schema: Schema | undefined): unknown[] {
  const before = itemsByElement(live, schema);
  const wanted = itemsByElement(config, schema);
  const merged: unknown[] = [];
  const queue = [...before.keys()];
  let next = 0;
  for (const [element, item] of wanted) {
    // Items that only the live list has stay in front of the applied item they preceded.
    while (next < queue.length && !wanted.has(queue[next] ?? '')) merged.push(clone(before.get(queue[next++] ?? '')));
    if (queue[next] === element) next++;
    merged.push(mergeApplied(before.get(element), item, schema?.items));
  }
  for (; next < queue.length; next++) {
    const element = queue[next] ?? '';
    if (!wanted.has(element)) merged.push(clone(before.get(element)));
  }
  return merged;
}

/**
 * Removes what was owned by `last` and by nobody in `kept`: fields, map entries and list items. A removed item goes
 * as a whole unless something in it is still owned. Returns the pruned copy.
 */
export function dropUnowned(
  value: unknown,
  of: { last: FieldSet; kept: FieldSet | undefined; schema: Schema | undefined },
): unknown {
  const { last, kept, schema } = of;
  const shape = structureOf(value, schema);
  if (shape === 'map' && isObject(value)) {
    const out: JsonObject = {};
    for (const [key, child] of Object.entries(value)) {
      const element = `f:${key}`;
      const lastChild = last.children.get(element);
      const keptChild = kept?.children.get(element);
      if (lastChild === undefined) out[key] = child;
      else if (!isEmpty(keptChild)) {
        out[key] = dropUnowned(child, {
          last: lastChild,
          kept: keptChild,
          schema: propertySchema(schema, key),
        }) as Json;
      }
    }
    return out;
  }
  if (shape === 'items' && Array.isArray(value)) {
    return value.flatMap((item) => {
      const element = itemElement(item, schema);
      const lastChild = last.children.get(element);
      const keptChild = kept?.children.get(element);
      if (lastChild === undefined) return [item];
      if (isEmpty(keptChild) && lastChild.member) return [];
      return [dropUnowned(item, { last: lastChild, kept: keptChild, schema: schema?.items })];
    });
  }
  return value;
}
