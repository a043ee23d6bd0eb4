import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { badRequest, StatusError, unsupportedMediaType } from '../status-error.ts';
import { decodeProtobuf } from './protobuf.ts';
import type { PatchType } from '../resources/resource-api.ts';

/** Reads a request body up to a limit. @throws {StatusError} 413 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new StatusError({
        code: 413,
        reason: 'RequestEntityTooLarge',
        message: `limit is ${maxBytes}: the request body is too large`,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const protobufType = 'application/vnd.kubernetes.protobuf';

/** @throws {StatusError} 400 where the body is no JSON or YAML, 415 for other media types */
export function parseBody(body: Buffer, contentType: string): unknown {
  const text = body.toString('utf8');
  const type = mediaType(contentType);
  if (type.endsWith('yaml')) return parseYamlBody(text);
  if (type === '' || type === 'application/json' || type.endsWith('+json') || type === '*/*') {
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw badRequest(
        `couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  if (type === protobufType) return decodeProtobuf(body);
  throw unsupportedMediaType(['application/json', 'application/yaml', protobufType]);
}

/** Server-side apply bodies may be YAML, of which JSON is a part. */
export function parseYamlBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    try {
      return parseYaml(text, { maxAliasCount: 100 }) as unknown;
    } catch (error) {
      throw badRequest(
        `error decoding YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
      );
    }
  }
}

export function mediaType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

const patchTypes: Record<string, PatchType> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** Custom resources have no strategic merge patch. @throws {StatusError} 415 */
export function patchTypeOf(contentType: string, of: { custom: boolean }): PatchType {
  const known = Object.entries(patchTypes).filter(([, type]) => !of.custom || type !== 'strategic');
  const type = known.find(([name]) => name === mediaType(contentType))?.[1];
  if (type === undefined) throw unsupportedMediaType(known.map(([name]) => name));
  return type;
}
