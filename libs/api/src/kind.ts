import type { z } from 'zod';

import type { API_VERSION } from './group.ts';
import type { ObjectMeta } from './object-meta.ts';

/** An object of one of our kinds. */
export interface Resource<Kind extends string, Spec, Status> {
  apiVersion: typeof API_VERSION;
  kind: Kind;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
}

/** Everything about a kind, from which its CRD, its types and its validation follow. */
export interface KindDefinition<
  Kind extends string = string,
  Spec extends z.ZodObject = z.ZodObject,
  Status extends z.ZodObject = z.ZodObject,
> {
  readonly kind: Kind;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly description: string;
  readonly spec: Spec;
  readonly status: Status;
  readonly columns: readonly PrinterColumn[];
}

/** Keeps the literal type of the kind's name. */
export const defineKind = <Kind extends string, Spec extends z.ZodObject, Status extends z.ZodObject>(
  definition: KindDefinition<Kind, Spec, Status>,
): KindDefinition<Kind, Spec, Status> => definition;

/** The object as reconcilers read it: defaults filled. */
export type ResourceOf<D> =
  D extends KindDefinition<infer Kind, infer Spec, infer Status>
    ? Resource<Kind, z.output<Spec>, z.output<Status>>
    : never;

/** The object as users write it: what has a default may be left out. */
export type ResourceInputOf<D> =
  D extends KindDefinition<infer Kind, infer Spec, infer Status>
    ? Resource<Kind, z.input<Spec>, z.input<Status>>
    : never;

/** The last column of every kind. */
export const ageColumn: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
