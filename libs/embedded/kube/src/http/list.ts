import type { Kind } from '../kinds/kind.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import { asJson } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import type { ResourceApi } from '../resources/resource-api.ts';
import { badRequest, expired, invalidOption, StatusError } from '../status-error.ts';
import { storeKey } from '../storage/store.ts';

export interface ListRequest {
  kind: Kind;
  namespace: string | undefined;
  matches: (object: KubeObject) => boolean;
  /** Whether a label or field selector is set: then the rest is not counted. */
  selected: boolean;
  limit: number;
  continueToken: string;
  resourceVersion: string;
  resourceVersionMatch: string;
}

interface Token {
  rv: number;
  start: string;
}

/** A page of a list, with the list's metadata. */
export interface Page {
  items: KubeObject[];
  metadata: JsonObject;
}

function readToken(text: string): Token {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<Token>;
    if (typeof token.rv === 'number' && typeof token.start === 'string') return { rv: token.rv, start: token.start };
  } catch {
    // Told below.
  }
  throw badRequest('continue key is not valid: it is not a token of this server');
}

/** The state that a resourceVersion of a list asks for; the newest serves "not older than". */
function revisionOf(api: ResourceApi, request: ListRequest): number {
  const { resourceVersion, resourceVersionMatch } = request;
  if (resourceVersionMatch !== '' && resourceVersion === '') {
    throw invalidOption(
      'ListOptions',
      'resourceVersionMatch',
      'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (resourceVersionMatch === 'Exact' && resourceVersion === '0') {
    throw invalidOption(
      'ListOptions',
      'resourceVersionMatch',
      'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
  if (resourceVersion === '' || resourceVersion === '0') return api.store.revision;
  if (!/^\d+$/.test(resourceVersion))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(resourceVersion)}: strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`,
    );
  const revision = Number(resourceVersion);
  if (revision > api.store.revision) {
    throw new StatusError({
      code: 504,
      reason: 'Timeout',
      message: `Timeout: Too large resource version: ${revision}, current: ${api.store.revision}`,
      details: {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
        retryAfterSeconds: 1,
      },
    });
  }
  return resourceVersionMatch === 'Exact' ? revision : api.store.revision;
}

/** Lists with limit and continue; all pages of one list show the same revision. */
export function listPage(api: ResourceApi, request: ListRequest): Page {
  const { kind } = request;
  const token = request.continueToken === '' ? undefined : readToken(request.continueToken);
  const revision = token?.rv ?? revisionOf(api, request);
  let stored: KubeObject[];
  try {
    stored = api.store.listAt(kind.bucket, revision);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw expired(
      token === undefined
        ? `The resourceVersion for the provided list is too old.`
        : 'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  const inScope = stored.filter((o) => request.namespace === undefined || o.metadata.namespace === request.namespace);
  const rest =
    token === undefined
      ? inScope
      : inScope.filter((o) => storeKey(o.metadata.namespace, o.metadata.name) > token.start);
  const items: KubeObject[] = [];
  const metadata: JsonObject = kind.custom ? { continue: '' } : {};
  metadata['resourceVersion'] = String(revision);
  for (const [i, object] of rest.entries()) {
    const shown = api.show(kind, object);
    if (!request.matches(shown)) continue;
    items.push(shown);
    if (request.limit > 0 && items.length === request.limit && i + 1 < rest.length) {
      const start = storeKey(object.metadata.namespace, object.metadata.name);
      metadata['continue'] = Buffer.from(JSON.stringify({ rv: revision, start } satisfies Token)).toString('base64url');
      if (!request.selected) metadata['remainingItemCount'] = rest.length - i - 1;
      break;
    }
  }
  return { items, metadata };
}

export function listObject(kind: Kind, page: Page): JsonObject {
  return {
    kind: kind.listKind,
    apiVersion: apiVersionOf(kind),
    metadata: page.metadata,
    // Items of built-in lists carry no apiVersion and kind, those of custom resources do.
    items: page.items.map((item) => {
      if (kind.custom) return asJson(item);
      const { apiVersion: _v, kind: _k, ...rest } = asJson(item);
      return rest;
    }),
  };
}
