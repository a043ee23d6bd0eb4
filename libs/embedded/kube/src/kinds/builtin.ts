import { objectMetaSchema, typeMeta } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { ageColumn, nameColumn } from './columns.ts';
import type { Kind } from './kind.ts';

type BuiltinOptions = Partial<Omit<Kind, 'schema'>> & {
  kind: string;
  plural: string;
  schema: Record<string, Schema>;
  description?: string;
};

/** A built-in kind: namespaced, core/v1, without status and generation unless told otherwise. */
export function builtin({ schema, description, ...of }: BuiltinOptions): Kind {
  const group = of.group ?? '';
  return {
    group,
    version: 'v1',
    listKind: `${of.kind}List`,
    singular: of.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    bucket: `${group}/${of.plural}`,
    custom: false,
    status: false,
    generation: false,
    unconditionalUpdate: true,
    nameRule: 'subdomain',
    columns: [nameColumn, ageColumn],
    selectable: [],
    ...of,
    schema: {
      type: 'object',
      description: description ?? `${of.kind} of the embedded API: the fields that matter to merging and defaulting.`,
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { ...typeMeta, metadata: objectMetaSchema, ...schema },
    },
  };
}
