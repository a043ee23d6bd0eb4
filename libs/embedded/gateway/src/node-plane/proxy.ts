import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { FlatHeaders, HeaderChanges } from './headers.ts';
import { changeHeaders, endToEnd } from './headers.ts';
import { normalizePath } from './request-path.ts';
import type { ClusterChoice, Decision, ForwardRoute, Router, RouteRequest } from './router.ts';
import type { UpstreamCluster, UpstreamHost } from './upstream-cluster.ts';

/** What a request is answered from: the newest applied snapshot. */
export interface ProxyState {
  readonly router: Router;
  readonly clusters: ReadonlyMap<string, UpstreamCluster>;
  /** The listener is being closed: clients shall not use their connections again. */
  readonly draining: boolean;
}

/** Answers one request; `current` gives the newest state, which may change while it is answered. */
export function handle(current: () => ProxyState, request: IncomingMessage, response: ServerResponse): void {
  const state = current();
  const routed = route(state, request);
  if ('reply' in routed) {
    reply(response, routed.reply, state);
  } else if (routed.decision.kind === 'forward') {
    new Exchange(current, { decision: routed.decision, asked: routed.asked, request, response }).start();
  } else {
    reply(response, localAnswer(routed.decision, routed.asked), state);
  }
}

interface LocalReply {
  readonly status: number;
  readonly body?: string;
  readonly headers?: FlatHeaders;
  readonly changes?: readonly (HeaderChanges | undefined)[];
}

type Routed = { readonly reply: LocalReply } | { readonly decision: Decision; readonly asked: RouteRequest };

function route(state: ProxyState, request: IncomingMessage): Routed {
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    // Backends that turn names into variables cannot tell `a_b` from `a-b`: refused, as Envoy Gateway's listeners do.
    if (request.rawHeaders[i]?.includes('_') === true) return { reply: { status: 400 } };
  }
  const { path, redirect } = normalizePath(request.url ?? '/');
  if (redirect) return { reply: { status: 307, headers: ['location', path] } };
  const asked: RouteRequest = {
    method: request.method ?? 'GET',
    host: request.headers.host ?? '',
    path,
    headers: request.headers,
  };
  const decision = state.router.route(asked);
  return decision === undefined ? { reply: { status: 404 } } : { decision, asked };
}

function localAnswer(decision: Exclude<Decision, ForwardRoute>, asked: RouteRequest): LocalReply {
  const changes = decision.responseHeaders;
  if (decision.kind === 'direct') return { status: decision.status, body: decision.body, changes };
  return { status: decision.status, headers: ['location', decision.location(asked, 'http')], changes };
}

function reply(response: ServerResponse, local: LocalReply, state: Pick<ProxyState, 'draining'>): void {
  if (response.headersSent || response.destroyed) return;
  const { status, body = '', headers = [], changes = [] } = local;
  const typed = body === '' ? headers : [...headers, 'content-type', 'text/plain'];
  const all = changeHeaders([...typed, 'content-length', String(Buffer.byteLength(body))], changes);
  if (state.draining) all.push('connection', 'close');
  response.writeHead(status, all);
  response.end(body);
}

const NO_HEALTHY_UPSTREAM: LocalReply = { status: 503, body: 'no healthy upstream' };
const TIMEOUT: LocalReply = { status: 504, body: 'upstream request timeout' };
const upstreamFailed = (error: Error): LocalReply => ({
  status: 503,
  body: `upstream connect error or disconnect/reset before headers. reset reason: ${errorCode(error)}`,
});
const errorCode = (error: Error & { code?: string }): string => error.code ?? error.name;

/** The headers that go to a backend. */
function requestHeaders(
  request: IncomingMessage,
  of: { decision: ForwardRoute; choice: ClusterChoice; host: UpstreamHost },
): FlatHeaders {
  const { decision, choice, host } = of;
  const { headers } = request;
  const out = endToEnd(request.rawHeaders, REPLACED);
  const client = request.socket.remoteAddress ?? '';
  const forwarded = headers['x-forwarded-for'];
  const own = (decision.autoHost ? host.endpoint.hostname : undefined) || decision.host;
  out.push('host', own ?? headers.host ?? '');
  if (own !== undefined && decision.appendForwardedHost) out.push('x-forwarded-host', headers.host ?? '');
  out.push('x-forwarded-for', forwarded === undefined ? client : `${String(forwarded)},${client}`);
  if (headers['x-forwarded-proto'] === undefined) out.push('x-forwarded-proto', 'http');
  if (headers['x-request-id'] === undefined) out.push('x-request-id', randomUUID());
  return changeHeaders(out, [choice.requestHeaders, ...decision.requestHeaders]);
}

const REPLACED: ReadonlySet<string> = new Set(['host', 'x-forwarded-for', 'expect']);

interface Exchanged {
  readonly decision: ForwardRoute;
  readonly asked: RouteRequest;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** One request on its way to a backend, over as many attempts as it takes. */
class Exchange {
  readonly #current: () => ProxyState;
  readonly #of: Exchanged;
  readonly #choice: ClusterChoice;
  readonly #tried = new Set<UpstreamHost>();
  readonly #hasBody: boolean;
  #attempt: Attempt | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(current: () => ProxyState, of: Exchanged) {
    this.#current = current;
    this.#of = of;
    this.#choice = of.decision.cluster(of.asked);
    const { headers } = of.request;
    this.#hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  }

  start(): void {
    const { decision, response } = this.#of;
    if (decision.timeoutMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.#fail(TIMEOUT);
      }, decision.timeoutMs);
    }
    response.on('close', () => {
      if (!response.writableFinished) this.#abandon(new Error('the client went away'));
    });
    this.#try();
  }

  #try(): void {
    // Looked up for each attempt: the one of the first may have been replaced.
    const cluster = this.#current().clusters.get(this.#choice.name);
    if (!cluster) {
      this.#fail({ status: this.#of.decision.clusterNotFound });
      return;
    }
    const host = cluster.pick(this.#tried);
    if (!host) {
      this.#fail(NO_HEALTHY_UPSTREAM);
      return;
    }
    this.#tried.add(host);
    const { decision, request, response, asked } = this.#of;
    const body = this.#hasBody ? bodyOf(request) : null;
    const attempt = new Attempt(host, response, {
      headers: (raw) => {
        const headers = changeHeaders(endToEnd(raw), [this.#choice.responseHeaders, ...decision.responseHeaders]);
        if (this.#current().draining) headers.push('connection', 'close');
        return headers;
      },
      done: () => {
        this.#end();
      },
      failed: (error, unseen) => {
        if (this.#over) return;
        // Never once a backend may have seen it; an unseen request has its body still.
        if (unseen && this.#tried.size <= decision.retries) this.#try();
        else this.#fail(upstreamFailed(error));
      },
    });
    this.#attempt = attempt;
    const options: Dispatcher.DispatchOptions = {
      method: asked.method as Dispatcher.HttpMethod,
      path: decision.path(asked.path),
      headers: requestHeaders(request, { decision, choice: this.#choice, host }),
      body,
    };
    try {
      host.pool.dispatch(options, attempt);
    } catch (error) {
      attempt.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Answers in the backend's place, or cuts an answer that has begun. */
  #fail(local: LocalReply): void {
    if (this.#over) return;
    const { response, request } = this.#of;
    this.#abandon(new Error(local.body));
    if (response.headersSent) {
      response.destroy();
      return;
    }
    request.resume();
    reply(response, local, this.#current());
  }

  #abandon(reason: Error): void {
    if (this.#over) return;
    this.#end();
    this.#attempt?.abort(reason);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

interface AttemptEvents {
  readonly headers: (raw: readonly string[]) => FlatHeaders;
  readonly done: () => void;
  /** `unseen`: nothing of the request has been sent. */
  readonly failed: (error: Error, unseen: boolean) => void;
}

/** One attempt at one host: streams the answer to the client, as fast as that reads. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #host: UpstreamHost;
  readonly #response: ServerResponse;
  readonly #events: AttemptEvents;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: Error | undefined;
  #ended = false;
  #status = 0;

  constructor(host: UpstreamHost, response: ServerResponse, events: AttemptEvents) {
    this.#host = host;
    this.#response = response;
    this.#events = events;
    host.requests++;
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(this.#aborted);
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number): void {
    if (statusCode < 200) return;
    this.#status = statusCode;
    if (this.#response.destroyed) return;
    const raw = (controller.rawHeaders ?? []) as readonly (Buffer | string)[];
    this.#response.writeHead(
      statusCode,
      this.#events.headers(raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))),
    );
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk) || this.#response.destroyed) return;
    controller.pause();
    this.#response.once('drain', () => {
      controller.resume();
    });
  }

  onResponseEnd(): void {
    this.#finish(this.#status >= 500);
    this.#response.end();
    this.#events.done();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (!this.#finish(true)) return;
    this.#events.failed(error, this.#controller === undefined);
  }

  /** False: it was over already. */
  #finish(error: boolean): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#host.load.inFlight--;
    if (error && this.#aborted === undefined) this.#host.errors++;
    return true;
  }
}

/** The body of a request; not read before it is asked for, so that an attempt which cannot connect does not cost it. */
function bodyOf(request: IncomingMessage): Readable {
  let attached = false;
  const push = (chunk: Buffer) => {
    if (!body.push(chunk)) request.pause();
  };
  const end = () => body.push(null);
  const body: Readable = new Readable({
    read() {
      if (!attached) {
        attached = true;
        request.on('data', push);
        request.on('end', end);
      }
      request.resume();
    },
    destroy(error, done) {
      request.off('data', push);
      request.off('end', end);
      done(error);
    },
  });
  return body;
}

/** Connects a WebSocket, or answers why not. */
export function handleUpgrade(
  state: ProxyState,
  request: IncomingMessage,
  client: { socket: Duplex; head: Buffer },
): void {
  const { socket, head } = client;
  socket.on('error', () => socket.destroy());
  const refuse = (status: number) =>
    socket.end(`HTTP/1.1 ${status} \r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  const routed = route(state, request);
  if ('reply' in routed) return void refuse(routed.reply.status);
  const { decision, asked } = routed;
  if (decision.kind !== 'forward') return void refuse(decision.kind === 'direct' ? decision.status : 400);
  if (!decision.websocket) return void refuse(403);
  const choice = decision.cluster(asked);
  const host = state.clusters.get(choice.name)?.pick();
  if (!host) return void refuse(503);
  host.requests++;
  const headers = requestHeaders(request, { decision, choice, host });
  const upstream = httpRequest({
    host: host.endpoint.host,
    port: host.endpoint.port,
    method: asked.method,
    path: decision.path(asked.path),
    headers: [...headers, 'connection', 'Upgrade', 'upgrade', request.headers.upgrade ?? 'websocket'],
    agent: false,
  });
  const connecting = setTimeout(() => upstream.destroy(new Error('timeout')), decision.timeoutMs ?? 15_000);
  const over = () => {
    clearTimeout(connecting);
    upstream.destroy();
  };
  socket.on('close', over);
  upstream.on('close', () => host.load.inFlight--);
  upstream.on('error', () => {
    host.errors++;
    refuse(503);
  });
  upstream.on('response', (response) => {
    refuse(response.statusCode ?? 502);
    upstream.destroy();
  });
  upstream.on('upgrade', (response, server, serverHead) => {
    clearTimeout(connecting);
    const lines = ['HTTP/1.1 101 Switching Protocols'];
    for (let i = 0; i < response.rawHeaders.length; i += 2) {
      lines.push(`${response.rawHeaders[i] ?? ''}: ${response.rawHeaders[i + 1] ?? ''}`);
    }
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    if (serverHead.length > 0) socket.write(serverHead);
    if (head.length > 0) server.write(head);
    server.on('error', () => socket.destroy());
    server.on('close', () => socket.destroy());
    socket.on('close', () => server.destroy());
    server.pipe(socket);
    socket.pipe(server);
  });
  upstream.end();
}
