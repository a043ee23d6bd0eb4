import { apiVersionOf } from '../kinds/kind.ts';
import type { Kind } from '../kinds/kind.ts';
import { asKube, clone, isObject } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import { applyDefaults, dropNulls } from '../schema/default.ts';
import { prune } from '../schema/prune.ts';
import { propertySchema } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { validate } from '../schema/validate.ts';
import { badRequest, invalid } from '../status-error.ts';
import { malformedMetadata } from './metadata.ts';

/** What to do with fields that the schema does not know. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/**
 * Reads what a client sent as an object of a kind: checks its type, prunes unknown fields, fills defaults. The body is
 * not changed. Unknown fields become warnings, or with `Strict` an error.
 *
 * @throws {StatusError} 400 where the body is no such object, 422 for the wrong kind of custom resource
 */
export function decode(
  kind: Kind,
  body: unknown,
  of: { fieldValidation: FieldValidation; warnings: string[]; source?: 'object' | 'patch' },
): KubeObject {
  if (!isObject(body)) throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind})`);
  const json: JsonObject = clone(body);
  checkType(kind, json);
  json['metadata'] ??= {};
  const malformed = malformedMetadata(json['metadata']) ?? (kind.custom ? undefined : malformedField(kind, json));
  if (malformed !== undefined) throw unreadable(kind, malformed);
  const metadata = json['metadata'] as JsonObject;
  for (const key of Object.keys(metadata)) if (metadata[key] === null) delete metadata[key];
  if (kind.custom) {
    const unknown = prune(json, kind.schema);
    if (unknown.length > 0) report(kind, { unknown, source: of.source ?? 'object', body }, of);
  } else dropEmpty(json, kind.schema);
  dropNulls(json, kind.schema);
  applyDefaults(json, kind.schema);
  return asKube(json);
}

const unreadable = (kind: Kind, why: string): Error =>
  badRequest(`${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${why}`);

/** Built-in kinds may leave out their type in a body; custom resources may not. */
function checkType(kind: Kind, json: JsonObject): void {
  const expected = apiVersionOf(kind);
  if (!kind.custom) {
    json['apiVersion'] ??= expected;
    json['kind'] ??= kind.kind;
  }
  const apiVersion = String(json['apiVersion'] ?? '');
  const name = String(json['kind'] ?? '');
  if (apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (name === kind.kind) return;
  if (!kind.custom) {
    throw badRequest(
      `${name} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: converting to it: unknown conversion`,
    );
  }
  if (name === '')
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): Object 'Kind' is missing`);
  const of = isObject(json['metadata']) ? String(json['metadata']['name'] ?? '') : '';
  throw invalid({ group: kind.group, resource: name, name: of }, [
    {
      field: 'kind',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(name)}: must be ${kind.kind}`,
    },
  ]);
}

/** Built-in kinds are typed: a value of the wrong JSON type is no such object. */
function malformedField(kind: Kind, json: JsonObject): string | undefined {
  const found = validate(json, kind.schema).find(
    (error) => error.reason === 'FieldValueTypeInvalid' && !error.message.includes('"null"'),
  );
  if (found !== undefined) {
    const got = /^Invalid value: "(\w+)"/.exec(found.message)?.[1] ?? 'value';
    const field = found.node.filter((step) => typeof step === 'string').join('.');
    return `json: cannot unmarshal ${got === 'integer' ? 'number' : got} into Go struct field ${kind.kind}.${field}`;
  }
  if (kind.bucket === '/secrets' && isObject(json['data'])) {
    for (const value of Object.values(json['data'])) {
      if (
        typeof value === 'string' &&
        !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value.replace(/[\r\n]/g, ''))
      ) {
        return 'illegal base64 data at input byte 0';
      }
    }
  }
  return undefined;
}

/** Built-in kinds do not write empty lists and maps. */
function dropEmpty(value: JsonObject, schema: Schema | undefined): void {
  for (const [key, child] of Object.entries(value)) {
    const property = propertySchema(schema, key);
    if (Array.isArray(child)) {
      if (child.length === 0 && property?.type === 'array') delete value[key];
      for (const item of child) if (isObject(item)) dropEmpty(item, property?.items);
    } else if (isObject(child)) {
      if (Object.keys(child).length === 0 && property?.additionalProperties !== undefined) delete value[key];
      else dropEmpty(child, property);
    }
  }
}

function report(
  kind: Kind,
  found: { unknown: readonly string[]; source: 'object' | 'patch'; body: unknown },
  of: { fieldValidation: FieldValidation; warnings: string[] },
): void {
  if (of.fieldValidation === 'Ignore') return;
  const texts = found.unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (of.fieldValidation === 'Warn') {
    of.warnings.push(...texts);
    return;
  }
  const why = `strict decoding error: ${texts.join(', ')}`;
  if (found.source === 'object') throw unreadable(kind, why);
  const shown = JSON.stringify(JSON.stringify(found.body));
  throw invalid({ group: '', resource: '', name: '' }, [
    { field: 'patch', reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${why}` },
  ]);
}
