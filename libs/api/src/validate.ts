import { z } from 'zod';

import { customResourceDefinition } from './custom-resource-definition.ts';
import { API_VERSION } from './group.ts';
import { kinds } from './kinds.ts';
import type { KindName, ObjectInputOf, ObjectOf } from './kinds.ts';
import type { StructuralSchema } from './structural-schema.ts';
import { dnsLabel, dnsSubdomain } from './text.ts';

/** What is wrong with a field. */
export interface FieldError {
  /** `spec.endpoints[0].name`; empty: the object itself. */
  readonly path: string;
  readonly message: string;
}

export type Validation<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly FieldError[] };

export interface ValidateOptions {
  /**
   * Fields that the schema does not have. `keep` (default): they stay where they are. `reject`: each is an error; for
   * files that people write, where such a field is a typing mistake.
   */
  readonly unknownFields?: 'keep' | 'reject';
}

/** Thrown by `defaulted` for an object that is invalid. The message lists path and reason of each error. */
export class InvalidObjectError extends Error {
  override readonly name = 'InvalidObjectError';
  readonly errors: readonly FieldError[];

  constructor(subject: string, errors: readonly FieldError[]) {
    super(`${subject} is invalid: ${errors.map((e) => `${e.path}: ${e.message}`).join('; ')}`);
    this.errors = errors;
  }
}

/**
 * Validates an object as the API server does with the CRD, and fills its defaults. Never throws, never changes its
 * argument. A null field counts as absent, as in the API server.
 */
export function validate<K extends KindName>(
  kind: K,
  object: unknown,
  options: ValidateOptions = {},
): Validation<ObjectOf<K>> {
  const given = withoutNulls(object);
  const input = kinds[kind].namespaced ? given : withoutNamespace(given);
  const unknown = options.unknownFields === 'reject' ? unknownFields(input, customResourceSchema(kind), '') : [];
  const parsed = objectSchema(kind).safeParse(input, { error: messageOf });
  if (parsed.success && unknown.length === 0) {
    return { ok: true, value: keepUnknown(input, parsed.data) as ObjectOf<K> };
  }
  const invalid = (parsed.error?.issues ?? []).map((issue) => ({ path: pathOf(issue.path), message: issue.message }));
  return { ok: false, errors: [...invalid, ...unknown] };
}

/**
 * The object with its defaults filled.
 * @throws InvalidObjectError if it is invalid.
 */
export function defaulted<K extends KindName>(kind: K, object: ObjectInputOf<K>): ObjectOf<K> {
  const result = validate(kind, object);
  if (!result.ok) throw new InvalidObjectError(`${kind} ${object.metadata.name}`, result.errors);
  return result.value;
}

const metadata = z.looseObject({ name: dnsSubdomain, namespace: dnsLabel.optional() });

function objectSchema(kind: KindName) {
  const { spec, status } = kinds[kind];
  return z.object({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind),
    metadata,
    spec,
    status: status.optional(),
  });
}

/** As the API server does: the namespace of a cluster-scoped object counts as absent. */
function withoutNamespace(object: unknown): unknown {
  if (!isFields(object) || !isFields(object['metadata'])) return object;
  const { namespace: _, ...kept } = object['metadata'];
  return { ...object, metadata: kept };
}

const customResourceSchema = (kind: KindName): StructuralSchema | undefined =>
  customResourceDefinition(kinds[kind]).spec.versions[0]?.schema.openAPIV3Schema;

/** Words for what zod finds; where a schema brings its own, as patterns do, those stand. */
function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${article(String(issue.expected))}`;
    case 'invalid_value':
      return issue.input === undefined
        ? 'is required'
        : `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `must ${boundOf(issue.origin, 'most', Number(issue.maximum))}`;
    case 'too_small':
      return `must ${boundOf(issue.origin, 'least', Number(issue.minimum))}`;
    case 'invalid_union':
      return 'must be an integer or a quantity such as 500m or 1Gi';
    default:
      return undefined;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  record: 'map',
  array: 'list',
  // All numbers here are integers.
  number: 'integer',
  int: 'integer',
};

function article(type: string): string {
  const name = TYPE_NAMES[type] ?? type;
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

function boundOf(origin: string, side: 'least' | 'most', bound: number): string {
  if (origin === 'string')
    return bound === 1 && side === 'least' ? 'not be empty' : `be at ${side} ${bound} characters long`;
  if (origin === 'array') return `have at ${side} ${bound} ${bound === 1 ? 'entry' : 'entries'}`;
  return `be at ${side} ${bound}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][-A-Za-z0-9_]*$/.test(String(step))) text += `${text === '' ? '' : '.'}${String(step)}`;
    else text += `["${String(step)}"]`;
  }
  return text;
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== null && v !== undefined)
      .map(([k, v]) => [k, withoutNulls(v)]),
  );
}

function unknownFields(value: unknown, schema: StructuralSchema | undefined, path: string): FieldError[] {
  if (schema === undefined || schema['x-kubernetes-preserve-unknown-fields']) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => unknownFields(item, schema.items, `${path}[${i}]`));
  if (!isFields(value)) return [];
  const { properties, additionalProperties } = schema;
  return Object.entries(value).flatMap(([name, child]) => {
    const at = path === '' ? name : `${path}.${name}`;
    if (additionalProperties) return unknownFields(child, additionalProperties, at);
    // `metadata` is known to have what Kubernetes gives it.
    if (!properties) return [];
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known) return unknownFields(child, known, at);
    return [{ path: at, message: `is no field; there are ${Object.keys(properties).join(', ')}` }];
  });
}

/** Puts back what zod left out. */
function keepUnknown(input: unknown, output: unknown): unknown {
  if (Array.isArray(input) && Array.isArray(output)) return output.map((item, i) => keepUnknown(input[i], item));
  if (!isFields(input) || !isFields(output)) return output;
  const result: Fields = { ...output };
  for (const [name, value] of Object.entries(input)) {
    result[name] = Object.hasOwn(output, name) ? keepUnknown(value, output[name]) : value;
  }
  return result;
}
