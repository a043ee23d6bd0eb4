import type { z } from 'zod';

/** One validation rule, said twice: in CEL for the API server, in TypeScript for everyone else. The tests hold the two together. */
export interface Rule<T> {
  /** True if the value is valid. `self` is the value, defaults filled. */
  readonly cel: string;
  /** What is wrong and what would be right; shown to the user beside the path. */
  readonly message: string;
  /** The field to blame, relative to the value: `.values`. The value itself without. */
  readonly fieldPath?: `.${string}`;
  /** The same as `cel`. Called only with values that fit the schema; must not throw. */
  readonly holds: (value: T) => boolean;
}

/** An entry of `x-kubernetes-validations`. */
export interface CelValidation {
  rule: string;
  message: string;
  fieldPath?: string;
}

/**
 * Adds rules to a schema: `x-kubernetes-validations` in the CRD, refinements in zod. As in the API server they run
 * only if the value fits the schema in all else.
 */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  const validations = rules.map(({ cel, message, fieldPath }): CelValidation => ({
    rule: cel,
    message,
    ...(fieldPath ? { fieldPath } : {}),
  }));
  return schema
    .superRefine((value, ctx) => {
      if (ctx.issues.length > 0) return;
      for (const { holds, message, fieldPath } of rules) {
        if (holds(value)) continue;
        ctx.addIssue({ code: 'custom', message, path: fieldPath?.split('.').filter((s) => s !== '') ?? [] });
      }
    })
    .meta({ 'x-kubernetes-validations': [...validationsOf(schema), ...validations] });
}

const validationsOf = (schema: z.ZodType): CelValidation[] =>
  (schema.meta()?.['x-kubernetes-validations'] as CelValidation[] | undefined) ?? [];

/**
 * Rules of a union in Kubernetes' style: a flat object whose `discriminator` says which of its members is set.
 * `members` maps a value of the discriminator to the field it needs; a value that is not named needs none.
 */
export function unionRules<T extends object>(
  discriminator: keyof T & string,
  members: Readonly<Partial<Record<string, keyof T & string>>>,
): Rule<T>[] {
  return Object.entries(members).flatMap(([value, member]): Rule<T>[] => {
    if (member === undefined) return [];
    return [
      {
        cel: `self.${discriminator} == '${value}' ? has(self.${member}) : !has(self.${member})`,
        message: `must be set if and only if ${discriminator} is ${value}`,
        fieldPath: `.${member}`,
        holds: (object) => (object[discriminator] === value) === (object[member] !== undefined),
      },
    ];
  });
}
