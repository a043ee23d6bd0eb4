import { apiVersionOf } from '../kinds/kind.ts';
import type { Kind } from '../kinds/kind.ts';
import { asKube, clone, isObject } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import { applyDefaults, dropDefaultableNulls } from '../schema/default.ts';
import { prune } from '../schema/prune.ts';
import { badRequest } from '../status-error.ts';
import { malformedMetadata } from './metadata.ts';

/** What to do with fields that the schema does not know. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/**
 * Reads what a client sent as an object of a kind: checks its type, prunes unknown fields, fills defaults. The body is
 * not changed. Unknown fields become warnings, or with `Strict` an error.
 *
 * @throws {StatusError} 400 where the body is no such object.
 */
export function decode(
  kind: Kind,
  body: unknown,
  of: { fieldValidation: FieldValidation; warnings: string[] },
): KubeObject {
  if (!isObject(body)) throw badRequest(`the body must be a JSON object of kind ${kind.kind}`);
  const json: JsonObject = clone(body);
  const expected = apiVersionOf(kind);
  json['apiVersion'] ??= expected;
  json['kind'] ??= kind.kind;
  if (json['kind'] !== kind.kind || json['apiVersion'] !== expected) {
    throw badRequest(
      `${String(json['kind'])} in version ${JSON.stringify(String(json['apiVersion']))} cannot be handled as a ${kind.kind}: the API version and kind in the data do not match ${expected} ${kind.kind}`,
    );
  }
  json['metadata'] ??= {};
  const malformed = malformedMetadata(json['metadata']);
  if (malformed !== undefined) {
    throw badRequest(
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${malformed}`,
    );
  }
  const metadata = json['metadata'] as JsonObject;
  for (const key of Object.keys(metadata)) if (metadata[key] === null) delete metadata[key];
  if (kind.custom) {
    const unknown = prune(json, kind.schema);
    report(kind, unknown, of);
  }
  dropDefaultableNulls(json, kind.schema);
  applyDefaults(json, kind.schema);
  return asKube(json);
}

function report(
  kind: Kind,
  unknown: readonly string[],
  of: { fieldValidation: FieldValidation; warnings: string[] },
): void {
  if (unknown.length === 0 || of.fieldValidation === 'Ignore') return;
  const texts = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (of.fieldValidation === 'Strict') {
    throw badRequest(
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: strict decoding error: ${texts.join(', ')}`,
    );
  }
  of.warnings.push(...texts);
}
