import jsonpatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import { clone } from '../object.ts';
import type { JsonObject } from '../object.ts';
import { StatusError } from '../status-error.ts';

/** One operation of RFC 6902. */
export type JsonPatchOperation = Operation;

const maxOperations = 10_000;

/** @throws {StatusError} 422 where an operation does not fit, a `test` fails, or there are too many. */
export function applyJsonPatch(target: JsonObject, operations: readonly JsonPatchOperation[]): JsonObject {
  const refuse = (message: string): StatusError =>
    new StatusError({ code: 422, reason: 'Invalid', message, details: {} });
  if (operations.length > maxOperations) {
    throw refuse(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`);
  }
  try {
    return jsonpatch.applyPatch(clone(target), clone(operations) as JsonPatchOperation[], true).newDocument;
  } catch {
    throw refuse('the server rejected our request due to an error in our request');
  }
}
