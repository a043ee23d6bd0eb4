import { z } from 'zod';

/** Bounds of a list. Each has a maximum: the API server's budget for CEL depends on it. */
export interface ListBounds {
  readonly min?: number;
  readonly max: number;
}

/** A list that is written as a whole (`x-kubernetes-list-type: atomic`). */
export function listOf<S extends z.ZodType>(item: S, { min = 0, max }: ListBounds): z.ZodArray<S> {
  const list = z.array(item).max(max).meta({ 'x-kubernetes-list-type': 'atomic' });
  return min > 0 ? list.min(min) : list;
}

/** A list of objects that are unique by some fields, which must be required or have defaults (`x-kubernetes-list-type: map`). */
export function mapListOf<S extends z.ZodObject>(
  item: S,
  { keys, min = 0, max }: ListBounds & { readonly keys: readonly (keyof z.output<S> & string)[] },
): z.ZodArray<S> {
  const list = z.array(item).max(max);
  const bounded = min > 0 ? list.min(min) : list;
  return bounded
    .superRefine((items, ctx) => {
      if (ctx.issues.length > 0) return;
      const seen = new Set<string>();
      for (const [index, value] of items.entries()) {
        const key = JSON.stringify(keys.map((k) => [k, (value as Record<string, unknown>)[k]]));
        if (seen.has(key)) {
          ctx.addIssue({ code: 'custom', message: `duplicate ${keys.join(' and ')}`, path: [index] });
        }
        seen.add(key);
      }
    })
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [...keys] });
}

/** A map with string keys and at most `max` entries. */
export function mapOf<S extends z.ZodType>(value: S, { max }: { readonly max: number }): z.ZodRecord<z.ZodString, S> {
  return z
    .record(z.string(), value)
    .refine((map) => Object.keys(map).length <= max, `must have at most ${max} entries`)
    .meta({ maxProperties: max });
}
