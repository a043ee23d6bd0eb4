import { backendOf, type StampedBackend, writeStamp } from './stamp.ts';
import { fieldOf, valuesOf } from './wire.ts';

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
  const cluster = valuesOf(request, CLUSTER).at(-1);
  if (cluster === undefined) return new Uint8Array(0);
  return fieldOf(RESPONSE_CLUSTER, backends.length === 0 ? cluster : writeStamp(cluster, backends));
}

/**
 * The answer to a hook that changes nothing: its request's resource (field 1 of both messages).
 *
 * @throws MalformedMessageError when the request is no message.
 */
export function unchanged(request: Uint8Array): Uint8Array {
  const resource = valuesOf(request, CLUSTER).at(-1);
  return resource === undefined ? new Uint8Array(0) : fieldOf(RESPONSE_CLUSTER, resource);
}
