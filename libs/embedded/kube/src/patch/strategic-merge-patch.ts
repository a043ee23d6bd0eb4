import { clone, isObject, jsonEqual } from '../object.ts';
import type { Json, JsonObject } from '../object.ts';
import { propertySchema } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';

/** The one key that strategic merge identifies an item by, where it differs from the first list-map key. */
function mergeKey(schema: Schema): string | undefined {
  return schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys']?.[0] : undefined;
}

/**
 * Kubernetes' strategic merge patch: a merge patch whose lists merge by key where the schema has one, with the
 * directives `$patch` (replace, delete, merge), `$deleteFromPrimitiveList/`, `$setElementOrder/` and `$retainKeys`.
 */
export function strategicMergePatch(target: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const { $patch: directive, $retainKeys: retain, ...fields } = patch;
  if (directive === 'replace') return clone(fields) as JsonObject;
  if (directive === 'delete') return {};
  const merged: JsonObject = { ...clone(target) };
  if (Array.isArray(retain)) for (const key of Object.keys(merged)) if (!retain.includes(key)) delete merged[key];
  for (const [key, value] of Object.entries(fields)) {
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const field = key.slice(key.indexOf('/') + 1);
      const from = merged[field];
      if (Array.isArray(from) && Array.isArray(value))
        merged[field] = from.filter((item) => !value.some((v) => jsonEqual(v, item)));
    } else if (!key.startsWith('$setElementOrder/')) {
      const child = propertySchema(schema, key);
      if (value === null || value === undefined) delete merged[key];
      else merged[key] = mergeValue(merged[key], value, child);
    }
  }
  for (const [key, order] of Object.entries(fields)) {
    if (!key.startsWith('$setElementOrder/') || !Array.isArray(order)) continue;
    const field = key.slice(key.indexOf('/') + 1);
    const list = merged[field];
    if (Array.isArray(list)) merged[field] = ordered(list, order, propertySchema(schema, field));
  }
  return merged;
}

function mergeValue(target: Json | undefined, patch: Json, schema: Schema | undefined): Json {
  if (isObject(patch)) return strategicMergePatch(isObject(target) ? target : {}, patch, schema);
  if (!Array.isArray(patch) || schema === undefined) return clone(patch);
  const key = mergeKey(schema);
  const before = Array.isArray(target) ? target : [];
  if (schema['x-kubernetes-list-type'] === 'set') {
    return [...before, ...patch.filter((item) => !before.some((b) => jsonEqual(b, item)))];
  }
  if (key === undefined) return clone(patch);
  return mergeItems(before, patch, { key, schema });
}

function mergeItems(before: Json[], patch: Json[], of: { key: string; schema: Schema }): Json[] {
  let items = clone(before);
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace')) {
    return clone(patch.filter((item) => !isObject(item) || item['$patch'] === undefined));
  }
  for (const item of patch) {
    if (!isObject(item)) continue;
    const same = (other: Json): boolean => isObject(other) && jsonEqual(other[of.key], item[of.key]);
    if (item['$patch'] === 'delete') {
      items = items.filter((other) => !same(other));
      continue;
    }
    const at = items.findIndex(same);
    const merged = strategicMergePatch(at < 0 ? {} : (items[at] as JsonObject), item, of.schema.items);
    if (at < 0) items.push(merged);
    else items[at] = merged;
  }
  return items;
}

/** Items that `order` names come in its order; others stay behind the item they followed. */
function ordered(list: Json[], order: Json[], schema: Schema | undefined): Json[] {
  const key = schema === undefined ? undefined : mergeKey(schema);
  const rank = (item: Json): number =>
    order.findIndex((o) =>
      key === undefined || !isObject(o) || !isObject(item) ? jsonEqual(o, item) : jsonEqual(o[key], item[key]),
    );
  let last = -1;
  const ranked = list.map((item) => {
    const own = rank(item);
    if (own >= 0) last = own;
    return { item, at: own >= 0 ? own : last + 0.5 };
  });
  return ranked.sort((a, b) => a.at - b.at).map((r) => r.item);
}
