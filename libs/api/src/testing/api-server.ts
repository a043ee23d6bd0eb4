/* eslint-disable @nx/enforce-module-boundaries -- tests judge the CRDs with an evaluator of JSON Schema and one of CEL; the library needs neither */
import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { CelInput } from '@bufbuild/cel';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import { RE2JS } from 're2js';

import type { CustomResourceDefinition } from '../custom-resource-definition.ts';
import type { StructuralSchema } from '../structural-schema.ts';

/** What an API server says about an object, from nothing but the CRD. */
export type Verdict =
  { readonly ok: true; readonly stored: unknown } | { readonly ok: false; readonly errors: string[] };

/**
 * Does with an object what an API server does when it is created: prunes, fills defaults, checks schema, list keys and
 * CEL rules, in this order.
 */
export function admission(crd: CustomResourceDefinition): (object: unknown) => Verdict {
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (!schema) throw new Error(`${crd.metadata.name} has no schema`);
  const ajv = new Ajv({ allErrors: true, strict: false, unicodeRegExp: false });
  ajv.addFormat('int64', true);
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
  const fits = ajv.compile(jsonSchema(schema));
  const rules = new CelRules();
  return (object) => {
    const stored = prepared(structuredClone(object), schema);
    if (crd.spec.scope === 'Cluster' && isFields(stored) && isFields(stored['metadata'])) {
      delete stored['metadata']['namespace'];
    }
    if (!fits(stored)) return { ok: false, errors: schemaErrors(fits) };
    const errors = [...duplicates(stored, schema, ''), ...rules.violations(stored, schema, '')];
    return errors.length > 0 ? { ok: false, errors } : { ok: true, stored };
  };
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Kubernetes' own keywords become those of JSON Schema. */
function jsonSchema(schema: StructuralSchema): object {
  const { properties, items, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(schema['x-kubernetes-int-or-string'] ? { type: ['integer', 'string'] } : {}),
    ...(properties ? { properties: mapValues(properties, jsonSchema) } : {}),
    ...(items ? { items: jsonSchema(items) } : {}),
    ...(additionalProperties ? { additionalProperties: jsonSchema(additionalProperties) } : {}),
  };
}

const mapValues = <T, U>(record: Record<string, T>, f: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([k, v]) => [k, f(v)]));

const schemaErrors = (validate: ValidateFunction): string[] =>
  (validate.errors ?? []).map((e) => {
    const missing = e.keyword === 'required' ? `/${String(e.params['missingProperty'])}` : '';
    return `${`${e.instancePath}${missing}`
      .slice(1)
      .replaceAll(/\/(\d+)/g, '[$1]')
      .replaceAll('/', '.')}: ${e.message ?? ''}`;
  });

/** Prunes what the schema does not have, drops nulls and fills defaults. */
function prepared(value: unknown, schema: StructuralSchema): unknown {
  if (schema['x-kubernetes-preserve-unknown-fields']) return value;
  if (Array.isArray(value))
    return schema.items ? value.map((v) => prepared(v, schema.items as StructuralSchema)) : value;
  if (!isFields(value)) return value;
  const { properties, additionalProperties } = schema;
  if (additionalProperties) {
    const kept = Object.entries(value).filter(([, v]) => v !== null);
    return Object.fromEntries(kept.map(([k, v]) => [k, prepared(v, additionalProperties)]));
  }
  if (!properties) return schema.type === 'object' ? value : {};
  const result: Fields = {};
  for (const [name, child] of Object.entries(properties)) {
    const given = value[name] ?? structuredClone(child.default);
    if (given !== undefined) result[name] = prepared(given, child);
  }
  return result;
}

function duplicates(value: unknown, schema: StructuralSchema, path: string): string[] {
  const errors = children(value, schema, path).flatMap(([v, s, p]) => duplicates(v, s, p));
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!keys || !Array.isArray(value)) return errors;
  const seen = new Set<string>();
  for (const [i, item] of value.entries()) {
    const key = JSON.stringify(keys.map((k) => (item as Fields)[k]));
    if (seen.has(key)) errors.push(`${path}[${i}]: Duplicate value`);
    seen.add(key);
  }
  return errors;
}

function children(value: unknown, schema: StructuralSchema, path: string): [unknown, StructuralSchema, string][] {
  const { items, properties, additionalProperties } = schema;
  if (Array.isArray(value)) return items ? value.map((v, i) => [v, items, `${path}[${i}]`]) : [];
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([name, v]): [unknown, StructuralSchema, string][] => {
    const child = additionalProperties ?? properties?.[name];
    return child ? [[v, child, path === '' ? name : `${path}.${name}`]] : [];
  });
}

/** Evaluates `x-kubernetes-validations`; each expression is compiled once. */
class CelRules {
  private readonly env = celEnv({ re2: { compile: (pattern) => RE2JS.compile(pattern) } });
  private readonly compiled = new Map<string, ReturnType<typeof plan>>();

  violations(value: unknown, schema: StructuralSchema, path: string): string[] {
    const own = (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule, message, fieldPath = '' }) => {
      const result = this.expression(rule)({ self: celInput(value) });
      if (isCelError(result)) return [`${path}: ${rule} failed: ${result.message}`];
      return result === true ? [] : [`${path}${fieldPath}: ${message}`];
    });
    return [...own, ...children(value, schema, path).flatMap(([v, s, p]) => this.violations(v, s, p))];
  }

  private expression(rule: string): ReturnType<typeof plan> {
    const known = this.compiled.get(rule);
    if (known) return known;
    const compiled = plan(this.env, parse(rule));
    this.compiled.set(rule, compiled);
    return compiled;
  }
}

function celInput(value: unknown): CelInput {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celInput);
  if (isFields(value)) return new Map(Object.entries(value).map(([k, v]) => [k, celInput(v)]));
  return value as CelInput;
}
