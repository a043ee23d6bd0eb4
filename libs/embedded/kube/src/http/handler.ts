import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { aggregatedDiscovery, coreVersions, group, groupList, resourceList, version } from '../discovery/discovery.ts';
import { openApiDocument, openApiIndex } from '../discovery/openapi.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import type { Kind } from '../kinds/kind.ts';
import { asJson, isObject } from '../object.ts';
import type { JsonObject, KubeObject } from '../object.ts';
import type { ResourceApi, DeleteOptions, Target, WriteOptions } from '../resources/resource-api.ts';
import { parseFieldSelector } from '../selectors/field-selector.ts';
import { parseLabelSelector } from '../selectors/label-selector.ts';
import { badRequest, invalidOption, methodNotAllowed, notFound, pathNotFound, StatusError } from '../status-error.ts';
import { parseBody, parseYamlBody, patchTypeOf, readBody } from './body.ts';
import { listObject, listPage } from './list.ts';
import { acceptedShape, wantsAggregatedDiscovery } from './negotiate.ts';
import { parseResourcePath } from './route.ts';
import type { ResourcePath } from './route.ts';
import { partialMetadata, tableOf } from './table.ts';
import type { IncludeObject } from './table.ts';
import type { WatchServer } from './watch.ts';

export interface HandlerLog {
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface HandlerOptions {
  api: ResourceApi;
  watches: WatchServer;
  /** The bearer token that is asked for; undefined where none is. */
  token: string | undefined;
  maxBodyBytes: number;
  log: HandlerLog;
}

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const health = new Set(['/healthz', '/livez', '/readyz']);
const open = new Set([...health, '/version']);
const maxLimit = 10_000;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  query: URLSearchParams;
}

/** Answers HTTP requests with the API. Never throws: what goes wrong becomes a Status. */
export class Handler {
  private readonly options: HandlerOptions;

  constructor(options: HandlerOptions) {
    this.options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const [path = '/', search = ''] = splitOnce(request.url ?? '/', '?');
      const query = new URLSearchParams(search);
      await this.dispatch({ request, response, path: path.length > 1 ? path.replace(/\/+$/, '') || '/' : path, query });
    } catch (error) {
      this.fail(response, error);
    }
  }

  private fail(response: ServerResponse, error: unknown): void {
    const status = error instanceof StatusError ? error : unexpected(error);
    if (!(error instanceof StatusError)) this.options.log.error({ err: error }, 'request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // A body that was not read to its end would be taken for the next request.
    if (status.code === 413) response.setHeader('connection', 'close');
    if (status.details?.retryAfterSeconds !== undefined)
      response.setHeader('retry-after', String(status.details.retryAfterSeconds));
    send(response, status.code, status.toStatus());
  }

  private async dispatch(exchange: Exchange): Promise<void> {
    const { request, response, path } = exchange;
    this.authenticate(exchange);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (health.has(path.replace(/^(\/(?:livez|readyz|healthz))\/.*/, '$1')) && method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
      return;
    }
    if (method === 'OPTIONS') {
      response.writeHead(204, { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' }).end();
      return;
    }
    const resource = parseResourcePath(path);
    if (resource !== undefined) {
      await this.resource(exchange, resource, method ?? '');
      return;
    }
    if (method !== 'GET') throw path === '/version' ? methodNotAllowed() : pathNotFound();
    this.document(exchange);
  }

  private authenticate({ request, path }: Exchange): void {
    const { token } = this.options;
    if (token === undefined || open.has(path)) return;
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
    if (timingSafeEqual(digest(given), digest(token))) return;
    throw new StatusError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
  }

  /** Discovery, OpenAPI and version. */
  private document({ request, response, path }: Exchange): void {
    const { kinds } = this.options.api;
    const aggregated = wantsAggregatedDiscovery(request.headers.accept);
    if ((path === '/api' || path === '/apis') && aggregated) {
      const body = aggregatedDiscovery(kinds, path === '/api' ? 'core' : 'groups');
      sendCached(request, response, { body, contentType: aggregatedType });
      return;
    }
    if (path === '/openapi/v2') {
      sendOpenApiV2(request, response);
      return;
    }
    const found = this.documentBody(path, request.headers.host ?? '');
    if (found === undefined) throw pathNotFound();
    sendCached(request, response, { body: found, contentType: 'application/json' });
  }

  private documentBody(path: string, host: string): JsonObject | undefined {
    const { kinds } = this.options.api;
    if (path === '/version') return version;
    if (path === '/api') return coreVersions(host);
    if (path === '/apis') return groupList(kinds);
    if (path === '/openapi/v3') return openApiIndex(kinds);
    if (path === '/')
      return { paths: ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v3', '/readyz', '/version'] };
    if (path.startsWith('/openapi/v3/')) return openApiDocument(kinds, path.slice('/openapi/v3/'.length));
    const steps = path.split('/').slice(1);
    if (steps[0] === 'api' && steps.length === 2) return resourceList(kinds, { group: '', version: steps[1] ?? '' });
    if (steps[0] === 'apis' && steps.length === 2) return group(kinds, steps[1] ?? '');
    if (steps[0] === 'apis' && steps.length === 3)
      return resourceList(kinds, { group: steps[1] ?? '', version: steps[2] ?? '' });
    return undefined;
  }

  private async resource(exchange: Exchange, path: ResourcePath, method: string): Promise<void> {
    const kind = this.options.api.kinds.find(path.group, path.version, path.plural);
    if (kind === undefined) throw pathNotFound();
    if (!kind.namespaced && path.namespace !== undefined) throw pathNotFound();
    if (path.subresource !== '' && !(path.subresource === 'status' && kind.status)) {
      throw kind.custom
        ? notFound({ group: kind.group, resource: kind.plural, name: path.name ?? '' })
        : pathNotFound();
    }
    if (path.name === undefined) {
      await this.collection(exchange, { kind, namespace: path.namespace, method });
      return;
    }
    if (kind.answer !== undefined) throw methodNotAllowed();
    if (kind.namespaced && path.namespace === undefined) throw pathNotFound();
    const target: Target = { kind, namespace: path.namespace, name: path.name, subresource: path.subresource };
    await this.object(exchange, target, method);
  }

  private async collection(
    exchange: Exchange,
    of: { kind: Kind; namespace: string | undefined; method: string },
  ): Promise<void> {
    const { kind, namespace, method } = of;
    const { query, request, response } = exchange;
    if (method === 'POST') {
      const body = await this.body(exchange);
      if (kind.answer !== undefined) {
        const answered = kind.answer(this.reviewed(kind, body), { token: this.options.token });
        send(response, 201, answered);
        return;
      }
      if (kind.namespaced && namespace === undefined) throw methodNotAllowed();
      const options = this.writeOptions(exchange, 'CreateOptions');
      const created = this.options.api.create(kind, { namespace, body, options });
      this.reply(exchange, kind, { code: 201, object: created, warnings: options.warnings });
      return;
    }
    if (kind.answer !== undefined) throw methodNotAllowed();
    if (method === 'DELETE') {
      if (kind.bucket === '/namespaces') throw methodNotAllowed();
      const options = this.deleteOptions(exchange, await this.optionalBody(exchange));
      const page = listPage(this.options.api, this.listRequest(exchange, kind, namespace));
      for (const object of page.items) {
        this.options.api.delete(
          { kind, namespace: object.metadata.namespace, name: object.metadata.name, subresource: '' },
          options,
        );
      }
      send(response, 200, listObject(kind, page));
      return;
    }
    if (method !== 'GET') throw methodNotAllowed();
    if (truthy(query.get('watch'))) {
      this.watch(exchange, kind, this.selection(exchange, kind, namespace).matches);
      return;
    }
    const page = listPage(this.options.api, this.listRequest(exchange, kind, namespace));
    const shape = acceptedShape(request.headers.accept);
    if (shape.as === 'table') {
      send(
        response,
        200,
        tableOf(kind, page.items, { metadata: page.metadata, include: includeOf(query), now: Date.now() }),
      );
    } else if (shape.as === 'metadata') {
      send(response, 200, {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata: page.metadata,
        items: page.items.map(partialMetadata),
      });
    } else send(response, 200, listObject(kind, page));
  }

  private async object(exchange: Exchange, target: Target, method: string): Promise<void> {
    const { api } = this.options;
    const { kind } = target;
    const { query, request, response } = exchange;
    switch (method) {
      case 'GET': {
        if (truthy(query.get('watch'))) {
          const { matches } = this.selection(exchange, kind, target.namespace);
          this.watch(exchange, kind, (object) => object.metadata.name === target.name && matches(object));
          return;
        }
        this.reply(exchange, kind, { code: 200, object: api.get(target) });
        return;
      }
      case 'PUT': {
        const options = this.writeOptions(exchange, 'UpdateOptions');
        const body = await this.body(exchange);
        this.reply(exchange, kind, {
          code: 200,
          object: api.update(target, body, options),
          warnings: options.warnings,
        });
        return;
      }
      case 'PATCH': {
        const type = patchTypeOf(request.headers['content-type'] ?? '', kind);
        const options = this.writeOptions(exchange, 'PatchOptions');
        if (type === 'apply' && (query.get('fieldManager') ?? '') === '') {
          throw invalidOption('PatchOptions', 'fieldManager', 'Required value: is required for apply patch');
        }
        if (type !== 'apply' && query.has('force')) {
          throw invalidOption('PatchOptions', 'force', 'Forbidden: may not be specified for non-apply patch');
        }
        const raw = await readBody(request, this.options.maxBodyBytes);
        const body = type === 'apply' ? parseYamlBody(raw.toString('utf8')) : parseBody(raw, 'application/json');
        const { object, created } = api.patch(target, { type, body }, options);
        this.reply(exchange, kind, { code: created ? 201 : 200, object, warnings: options.warnings });
        return;
      }
      case 'DELETE': {
        if (target.subresource !== '') throw methodNotAllowed();
        const options = this.deleteOptions(exchange, await this.optionalBody(exchange));
        const { object, gone } = api.delete(target, options);
        if (!gone) {
          this.reply(exchange, kind, { code: 200, object });
          return;
        }
        send(response, 200, {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Success',
          details: {
            name: target.name,
            ...(kind.group === '' ? {} : { group: kind.group }),
            kind: kind.plural,
            uid: object.metadata.uid,
          },
        });
        return;
      }
      default:
        throw methodNotAllowed();
    }
  }

  private reply(exchange: Exchange, kind: Kind, of: { code: number; object: KubeObject; warnings?: string[] }): void {
    const { request, response, query } = exchange;
    const { code, object } = of;
    if (of.warnings !== undefined && of.warnings.length > 0) {
      response.setHeader(
        'warning',
        of.warnings.slice(0, 32).map((text) => `299 - ${JSON.stringify(printable(text))}`),
      );
    }
    const shape = acceptedShape(request.headers.accept);
    if (shape.as === 'table') {
      const metadata = { resourceVersion: object.metadata.resourceVersion };
      send(response, code, tableOf(kind, [object], { metadata, include: includeOf(query), now: Date.now() }));
    } else send(response, code, shape.as === 'metadata' ? partialMetadata(object) : asJson(object));
  }

  private watch(exchange: Exchange, kind: Kind, matches: (object: KubeObject) => boolean): void {
    const { query, request, response } = exchange;
    const given = query.get('resourceVersion') ?? '';
    if (given !== '' && !/^\d+$/.test(given))
      throw badRequest(
        `resourceVersion: Invalid value: ${JSON.stringify(given)}: strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`,
      );
    const initialEvents = query.get('sendInitialEvents');
    if (initialEvents !== null && query.get('resourceVersionMatch') !== 'NotOlderThan') {
      throw invalidOption(
        'ListOptions',
        'resourceVersionMatch',
        'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      );
    }
    const seconds = Number(query.get('timeoutSeconds') ?? '0');
    this.options.watches.serve(
      {
        kind,
        matches,
        resourceVersion: given === '' ? undefined : Number(given),
        bookmarks: truthy(query.get('allowWatchBookmarks')),
        initialEvents: truthy(initialEvents),
        timeoutMs: (seconds > 0 ? Math.min(seconds, 86_400) : 1800 + Math.floor(Math.random() * 1800)) * 1000,
        shape: acceptedShape(request.headers.accept),
        include: includeOf(query),
      },
      response,
    );
  }

  private selection(
    exchange: Exchange,
    kind: Kind,
    namespace: string | undefined,
  ): { matches: (object: KubeObject) => boolean; selected: boolean } {
    const labels = exchange.query.get('labelSelector') ?? '';
    const fields = exchange.query.get('fieldSelector') ?? '';
    const byLabel = labels === '' ? undefined : parseLabelSelector(labels);
    const byField = fields === '' ? undefined : parseFieldSelector(fields, kind.selectable);
    return {
      selected: byLabel !== undefined || byField !== undefined,
      matches: (object) =>
        (namespace === undefined || object.metadata.namespace === namespace) &&
        (byLabel === undefined || byLabel(object.metadata.labels)) &&
        (byField === undefined || byField(object)),
    };
  }

  private listRequest(exchange: Exchange, kind: Kind, namespace: string | undefined): Parameters<typeof listPage>[1] {
    const { query } = exchange;
    const limit = Number(query.get('limit') ?? '0');
    if (!Number.isInteger(limit)) {
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(query.get('limit'))}: invalid syntax`);
    }
    return {
      kind,
      namespace,
      ...this.selection(exchange, kind, namespace),
      limit: Math.min(Math.max(limit, 0), maxLimit),
      continueToken: query.get('continue') ?? '',
      resourceVersion: query.get('resourceVersion') ?? '',
      resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    };
  }

  private writeOptions({ query, request }: Exchange, options: string): WriteOptions {
    const validation = query.get('fieldValidation') ?? 'Warn';
    if (validation !== 'Strict' && validation !== 'Warn' && validation !== 'Ignore') {
      const message = `Unsupported value: ${JSON.stringify(validation)}: supported values: "", "Ignore", "Strict", "Warn"`;
      throw invalidOption(options, 'fieldValidation', message);
    }
    const agent = (request.headers['user-agent'] ?? '').split('/')[0] ?? '';
    const manager = query.get('fieldManager') ?? (agent === '' ? 'unknown' : agent);
    if (manager.length > 128) throw badRequest('fieldManager: may not be more than 128 bytes');
    return {
      dryRun: dryRunOf(query.getAll('dryRun'), options),
      fieldManager: manager === '' ? 'unknown' : manager,
      fieldValidation: validation,
      force: truthy(query.get('force')),
      warnings: [],
    };
  }

  private deleteOptions({ query }: Exchange, body: unknown): DeleteOptions {
    const from = isObject(body) ? body : {};
    const preconditions = isObject(from['preconditions']) ? from['preconditions'] : {};
    const { uid, resourceVersion } = preconditions;
    const dryRun = Array.isArray(from['dryRun']) ? from['dryRun'].map(String) : [];
    return {
      dryRun: dryRunOf([...query.getAll('dryRun'), ...dryRun], 'DeleteOptions'),
      propagation: propagationOf(
        String(from['propagationPolicy'] ?? query.get('propagationPolicy') ?? 'Background'),
        from['orphanDependents'],
      ),
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    };
  }

  private async body({ request }: Exchange): Promise<unknown> {
    const raw = await readBody(request, this.options.maxBodyBytes);
    return parseBody(raw, request.headers['content-type'] ?? '');
  }

  private async optionalBody({ request }: Exchange): Promise<unknown> {
    const raw = await readBody(request, this.options.maxBodyBytes);
    if (raw.length === 0) return undefined;
    return parseBody(raw, request.headers['content-type'] ?? '');
  }

  private reviewed(kind: Kind, body: unknown): JsonObject {
    if (!isObject(body)) throw badRequest(`the body must be a JSON object of kind ${kind.kind}`);
    return { ...body, apiVersion: apiVersionOf(kind), kind: kind.kind };
  }
}

function splitOnce(text: string, at: string): string[] {
  const i = text.indexOf(at);
  return i < 0 ? [text] : [text.slice(0, i), text.slice(i + 1)];
}

function truthy(value: string | null): boolean {
  return value !== null && ['1', 'true', 't', 'T', 'TRUE', 'True'].includes(value);
}

function dryRunOf(values: readonly string[], options: string): boolean {
  const unknown = values.filter((value) => value !== 'All' && value !== '');
  if (unknown.length > 0) {
    throw invalidOption(options, 'dryRun', `Unsupported value: ${JSON.stringify(unknown)}: supported values: "All"`);
  }
  return values.includes('All');
}

function propagationOf(policy: string, orphanDependents: unknown): DeleteOptions['propagation'] {
  if (orphanDependents === true) return 'Orphan';
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  const message = `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`;
  throw invalidOption('DeleteOptions', 'propagationPolicy', message);
}

function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get('includeObject');
  return include === 'Object' || include === 'None' ? include : 'Metadata';
}

/** Header values carry no control characters. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\uffff]/g, '?');
}

function unexpected(error: unknown): StatusError {
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError({ code: 500, reason: 'InternalError', message: `Internal error occurred: ${message}` });
}

function send(response: ServerResponse, code: number, body: JsonObject): void {
  const text = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(code, {
    'content-type': 'application/json',
    'content-length': text.length,
    'cache-control': 'no-cache, private',
  });
  response.end(text);
}

/**
 * OpenAPI v2 without definitions, for clients that load it before they fall back to the server's own validation: the
 * protobuf form is field 1, `swagger`.
 */
function sendOpenApiV2(request: IncomingMessage, response: ServerResponse): void {
  if ((request.headers.accept ?? '').includes('protobuf')) {
    const type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
    response.writeHead(200, { 'content-type': type }).end(Buffer.from([0x0a, 3, ...Buffer.from('2.0')]));
    return;
  }
  const body = { swagger: '2.0', info: { title: 'Kubernetes', version: 'v1.34.4' }, paths: {}, definitions: {} };
  sendCached(request, response, { body, contentType: 'application/json' });
}

function sendCached(
  request: IncomingMessage,
  response: ServerResponse,
  of: { body: JsonObject; contentType: string },
): void {
  const text = Buffer.from(`${JSON.stringify(of.body)}\n`);
  const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 40).toUpperCase()}"`;
  const headers = { etag, vary: 'Accept', 'cache-control': 'no-cache, private' };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  response.writeHead(200, { ...headers, 'content-type': of.contentType, 'content-length': text.length });
  response.end(text);
}
