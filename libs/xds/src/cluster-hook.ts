import { backendOf, type StampedBackend, writeStamp } from './stamp.ts';
import { concat, fieldHead, valuesOf } from './wire.ts';

/** Field numbers of PostClusterModifyRequest, its context, an extension resource, and the response. */
const CLUSTER = 1;
const CONTEXT = 2;
const BACKEND_RESOURCES = 1;
const UNSTRUCTURED_BYTES = 1;
const RESPONSE_CLUSTER = 1;

const decoder = new TextDecoder();

/**
 * The answer to PostClusterModify: the cluster, stamped with those of its rule's backends that are ours. Both are
 * serialized messages.
 *
 * @throws MalformedMessageError when the request is no message.
 */
export function stampCluster(request: Uint8Array): Uint8Array {
  const backends: StampedBackend[] = [];
  for (const context of valuesOf(request, CONTEXT)) {
    for (const resource of valuesOf(context, BACKEND_RESOURCES)) {
      for (const json of valuesOf(resource, UNSTRUCTURED_BYTES)) {
        const backend = backendOf(decoder.decode(json));
        if (backend) backends.push(backend);
      }
    }
  }
  let cluster: Uint8Array | undefined;
  for (const value of valuesOf(request, CLUSTER)) cluster = value;
  if (cluster === undefined) return new Uint8Array(0);
  const answer = backends.length === 0 ? cluster : writeStamp(cluster, backends);
  return concat([fieldHead(RESPONSE_CLUSTER, answer.length), answer]);
}

/**
 * The answer to a hook that changes nothing: its request's resource (field 1 of both messages).
 *
 * @throws MalformedMessageError when the request is no message.
 */
export function unchanged(request: Uint8Array): Uint8Array {
  let resource: Uint8Array | undefined;
  for (const value of valuesOf(request, CLUSTER)) resource = value;
  return resource === undefined ? new Uint8Array(0) : concat([fieldHead(RESPONSE_CLUSTER, resource.length), resource]);
}
