import { isObject } from '../object.ts';
import type { Json } from '../object.ts';
import { canonical, mapKeyOf } from '../schema/list-types.ts';
import type { Schema } from '../schema/schema.ts';

/** How a value merges: as one piece, by field, or by item. Without a schema maps merge and lists do not. */
export function structureOf(value: unknown, schema: Schema | undefined): 'leaf' | 'map' | 'items' {
  if (isObject(value)) return schema?.['x-kubernetes-map-type'] === 'atomic' ? 'leaf' : 'map';
  if (!Array.isArray(value)) return 'leaf';
  const type = schema?.['x-kubernetes-list-type'];
  return type === 'set' || type === 'map' ? 'items' : 'leaf';
}

/** The path element of a list item: `k:{...}` in list maps, `v:...` in sets. */
export function itemElement(item: unknown, schema: Schema | undefined): string {
  if (schema?.['x-kubernetes-list-type'] === 'map') return `k:${canonical(mapKeyOf(item, schema))}`;
  return `v:${canonical((item ?? null) as Json)}`;
}

/** Items by path element, in order; of duplicates the first counts. */
export function itemsByElement(list: unknown, schema: Schema | undefined): Map<string, unknown> {
  const items = new Map<string, unknown>();
  if (Array.isArray(list)) {
    for (const item of list) {
      const element = itemElement(item, schema);
      if (!items.has(element)) items.set(element, item);
    }
  }
  return items;
}
