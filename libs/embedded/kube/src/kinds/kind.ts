import type { RuleSet } from '../cel/rules.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import type { Schema } from '../schema/schema.ts';
import type { FieldError } from '../status-error.ts';

/** A column of `kubectl get`. */
export interface Column {
  name: string;
  type: string;
  format?: string;
  description: string;
  /** 0 is always shown, more only with `-o wide`. */
  priority: number;
  cell: (object: KubeObject, now: number) => string | number | boolean | null;
}

/** One served resource in one version. */
export interface Kind {
  group: string;
  version: string;
  kind: string;
  listKind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  /** Where its objects are stored: versions of one resource share it. */
  bucket: string;
  schema: Schema;
  /** Defined by a CustomResourceDefinition: pruned, validated and ruled by its schema. */
  custom: boolean;
  /** Has a status subresource. */
  status: boolean;
  /** Counts changes of the desired state in metadata.generation. */
  generation: boolean;
  /** A PUT without a resourceVersion overwrites. */
  unconditionalUpdate: boolean;
  nameRule: 'subdomain' | 'label' | 'label1035' | 'path';
  columns: readonly Column[];
  /** Field selectors beyond metadata.name and metadata.namespace. */
  selectable: readonly string[];
  rules?: RuleSet;
  /** Defaults beyond the schema; what it sets belongs to the writer. May change `next`. */
  prepare?: (next: KubeObject, old: KubeObject | undefined) => void;
  /** What the server decides (cluster IPs, phases): nobody owns it. May change `next`. */
  finish?: (next: KubeObject, old: KubeObject | undefined) => void;
  /** Findings beyond the schema. */
  check?: (next: KubeObject, old: KubeObject | undefined) => FieldError[];
  /** Between this version and the stored form. */
  toStored?: (object: KubeObject) => KubeObject;
  fromStored?: (object: KubeObject) => KubeObject;
  /** Not stored: a create answers at once (access reviews). */
  answer?: (body: JsonObject, context: { token: string | undefined }) => JsonObject;
}

export function apiVersionOf(kind: Pick<Kind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}
