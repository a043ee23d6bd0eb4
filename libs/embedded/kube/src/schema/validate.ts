import { RE2JS } from 're2js';
import { isObject, jsonEqual } from '../object.ts';
import type { FieldError } from '../status-error.ts';
import { formats } from './formats.ts';
import { propertySchema } from './schema.ts';
import type { Schema } from './schema.ts';

/** A finding with the node it is about, so that an update can forgive what it did not touch. */
export interface SchemaError extends FieldError {
  node: readonly (string | number)[];
}

const patterns = new Map<string, RE2JS>();
const maxPatterns = 2000;

function compiled(pattern: string): RE2JS {
  let regex = patterns.get(pattern);
  if (regex === undefined) {
    regex = RE2JS.compile(pattern);
    if (patterns.size >= maxPatterns) patterns.clear();
    patterns.set(pattern, regex);
  }
  return regex;
}

/** `spec.ports[0].name` of path steps; a step that is written `[key]` is a key of a map. */
export function fieldOf(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (text === '' || step.startsWith('[')) text += step;
    else text += `.${step}`;
  }
  return text;
}

/** A value as Go's field errors print it. */
export function printed(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : JSON.stringify(value);
}

const typeName = (value: unknown): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
};

function typeFits(value: unknown, schema: Schema): boolean {
  if (schema['x-kubernetes-int-or-string'] === true) return typeof value === 'string' || Number.isInteger(value);
  switch (schema.type) {
    case undefined:
    case '':
      return true;
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    default:
      return typeof value === schema.type;
  }
}

/**
 * Validates a value against a structural schema. Messages and reasons are those of the API server for custom
 * resources (kube-openapi's validator). CEL rules and list types are checked elsewhere.
 */
export function validate(
  value: unknown,
  schema: Schema | undefined,
  path: readonly (string | number)[] = [],
): SchemaError[] {
  const errors: SchemaError[] = [];
  if (schema !== undefined) new Walk(errors).value(value, schema, path);
  return errors;
}

class Walk {
  private readonly errors: SchemaError[];

  constructor(errors: SchemaError[]) {
    this.errors = errors;
  }

  private add(path: readonly (string | number)[], reason: string, message: string): void {
    this.errors.push({ field: fieldOf(path), reason, message, node: path });
  }

  private invalidValue(path: readonly (string | number)[], shown: unknown, should: string): void {
    const name = fieldOf(path);
    this.add(
      path,
      'FieldValueInvalid',
      `Invalid value: ${printed(shown)}: ${name === '' ? '' : `${name} `}in body ${should}`,
    );
  }

  value(value: unknown, schema: Schema, path: readonly (string | number)[]): void {
    if (value === null && schema.nullable === true) return;
    if (value === undefined) return;
    if (!typeFits(value, schema)) {
      const want = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : schema.type;
      const got = typeName(value);
      const name = fieldOf(path);
      this.add(
        path,
        'FieldValueTypeInvalid',
        `Invalid value: ${JSON.stringify(got)}: ${name === '' ? '' : `${name} `}in body must be of type ${want}: ${JSON.stringify(got)}`,
      );
      return;
    }
    if (schema.enum !== undefined && !schema.enum.some((allowed) => jsonEqual(allowed, value))) {
      const supported = schema.enum.map((v) => JSON.stringify(typeof v === 'string' ? v : JSON.stringify(v)));
      this.add(
        path,
        'FieldValueNotSupported',
        `Unsupported value: ${printed(value)}: supported values: ${supported.join(', ')}`,
      );
    }
    if (typeof value === 'string') this.string(value, schema, path);
    else if (typeof value === 'number') this.number(value, schema, path);
    else if (Array.isArray(value)) this.array(value, schema, path);
    else if (isObject(value)) this.object(value, schema, path);
    this.combined(value, schema, path);
  }

  /** Of length and pattern only the first finding counts. */
  private string(value: string, schema: Schema, path: readonly (string | number)[]): void {
    const length = [...value].length;
    const format = schema.format === undefined ? undefined : formats[schema.format];
    if (schema.maxLength !== undefined && length > schema.maxLength) {
      const unit = schema.maxLength === 1 ? 'byte' : 'bytes';
      this.add(path, 'FieldValueTooLong', `Too long: may not be more than ${schema.maxLength} ${unit}`);
    } else if (schema.minLength !== undefined && length < schema.minLength) {
      this.invalidValue(path, value, `should be at least ${schema.minLength} chars long`);
    } else if (schema.pattern !== undefined && !compiled(schema.pattern).matcher(value).find()) {
      this.invalidValue(path, value, `should match '${schema.pattern}'`);
    }
    if (format !== undefined && !format(value)) {
      const shown = JSON.stringify(value);
      const message = `Invalid value: ${shown}: ${fieldOf(path)} in body must be of type ${schema.format}: ${shown}`;
      this.add(path, 'FieldValueTypeInvalid', message);
    }
  }

  private number(value: number, schema: Schema, path: readonly (string | number)[]): void {
    const { minimum, maximum, multipleOf } = schema;
    // Bounds of whole numbers are printed as whole numbers.
    const shown = (bound: number): number => (Number.isInteger(value) ? Math.trunc(bound) : bound);
    if (multipleOf !== undefined && value % multipleOf !== 0) {
      this.invalidValue(path, value, `should be a multiple of ${shown(multipleOf)}`);
    }
    if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
      const orEqual = schema.exclusiveMaximum === true ? '' : 'or equal to ';
      this.invalidValue(path, value, `should be less than ${orEqual}${shown(maximum)}`);
    }
    if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
      const orEqual = schema.exclusiveMinimum === true ? '' : 'or equal to ';
      this.invalidValue(path, value, `should be greater than ${orEqual}${shown(minimum)}`);
    }
    if (schema.format === 'int32' && (value > 2147483647 || value < -2147483648)) {
      this.invalidValue(path, value, 'must be of type int32');
    }
  }

  private array(value: unknown[], schema: Schema, path: readonly (string | number)[]): void {
    if (schema.minItems !== undefined && value.length < schema.minItems) {
      this.invalidValue(path, value.length, `should have at least ${schema.minItems} items`);
    }
    if (schema.maxItems !== undefined && value.length > schema.maxItems) {
      this.tooMany(path, value.length, schema.maxItems);
      // A list over its bound is not looked into: the bound is what keeps validation cheap.
      return;
    }
    if (schema.uniqueItems === true && new Set(value.map((v) => JSON.stringify(v))).size !== value.length) {
      this.invalidValue(path, '', "shouldn't contain duplicates");
    }
    const { items } = schema;
    if (items !== undefined) value.forEach((item, i) => this.value(item, items, [...path, i]));
  }

  private tooMany(path: readonly (string | number)[], got: number, max: number): void {
    this.add(path, 'FieldValueTooMany', `Too many: ${got}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`);
  }

  private object(value: Record<string, unknown>, schema: Schema, path: readonly (string | number)[]): void {
    const keys = Object.keys(value).filter((key) => value[key] !== undefined);
    if (schema.minProperties !== undefined && keys.length < schema.minProperties) {
      this.invalidValue(path, keys.length, `should have at least ${schema.minProperties} properties`);
    }
    if (schema.maxProperties !== undefined && keys.length > schema.maxProperties) {
      this.tooMany(path, keys.length, schema.maxProperties);
    }
    for (const required of schema.required ?? []) {
      if (value[required] === undefined) {
        this.errors.push({
          field: fieldOf([...path, required]),
          reason: 'FieldValueRequired',
          message: 'Required value',
          node: path,
        });
      }
    }
    for (const key of keys.sort()) {
      const property = propertySchema(schema, key);
      if (property !== undefined) this.value(value[key], property, [...path, key]);
    }
  }

  /** anyOf, oneOf, not: told without a field, followed by what the first alternative misses. */
  private combined(value: unknown, schema: Schema, path: readonly (string | number)[]): void {
    const name = fieldOf(path);
    const findings = (candidate: Schema): SchemaError[] => validate(value, candidate, path);
    const composite = (must: string, alternatives: SchemaError[] = []): void => {
      const message = `Invalid value: "": ${JSON.stringify(name)} must ${must}`;
      this.errors.push({ field: '<nil>', reason: 'FieldValueInvalid', message, node: path }, ...alternatives);
    };
    for (const part of schema.allOf ?? []) this.value(value, part, path);
    if (schema.anyOf !== undefined && schema.anyOf.length > 0) {
      const found = schema.anyOf.map(findings);
      if (found.every((errors) => errors.length > 0)) composite('validate at least one schema (anyOf)', found[0]);
    }
    if (schema.oneOf !== undefined && schema.oneOf.length > 0) {
      const found = schema.oneOf.map(findings);
      const valid = found.filter((errors) => errors.length === 0).length;
      const one = 'validate one and only one schema (oneOf). Found';
      if (valid === 0) composite(`${one} none valid`, found[0]);
      else if (valid > 1) composite(`${one} ${valid} valid alternatives`);
    }
    if (schema.not !== undefined && findings(schema.not).length === 0) composite('not validate the schema (not)');
  }
}
