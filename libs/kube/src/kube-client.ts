import { setTimeout as delay } from 'node:timers/promises';
import { Backoff } from './backoff.ts';
import { KubeError } from './kube-error.ts';
import { readLines } from './read-lines.ts';
import {
  apiVersionOf,
  pathOf,
  type GenericObject,
  type KubeObject,
  type ObjectRef,
  type Resource,
} from './resource.ts';
import { TokenBucket } from './token-bucket.ts';
import {
  kubeTransport,
  loadKubeConfig,
  type Transport,
  type TransportCall,
  type TransportResponse,
} from './transport.ts';

export interface ConnectOptions {
  /** Undefined: the pod's service account. */
  readonly kubeconfigPath?: string | undefined;
  /** `name/version (pod)`: how the API server's audit log calls this process. */
  readonly userAgent: string;
  /** Requests per second, and how many may come at once. */
  readonly qps?: number;
  readonly burst?: number;
  /** The deadline of a call, its retries included. */
  readonly timeoutMs?: number;
  readonly onRequest?: RequestHook;
}

/** Called once per HTTP exchange: `rest_client_requests_total{code,method,host}`. */
export type RequestHook = (request: { code: string; method: string; host: string; durationMs: number }) => void;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Instead of the client's. */
  readonly timeoutMs?: number | undefined;
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue: string | undefined;
}

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly resourceVersion: string;
  /** After this the server ends the watch by itself. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface PatchOptions extends CallOptions {
  readonly type: 'merge' | 'json' | 'apply';
  readonly body: unknown;
  readonly subresource?: string;
  /** Needed for `apply`. */
  readonly fieldManager?: string;
  /** `apply`: take over fields that others own. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_ATTEMPTS = 5;

interface Call extends CallOptions {
  readonly method: TransportCall['method'];
  readonly path: string;
  readonly query?: Record<string, string | number | undefined>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/**
 * A typed client of the Kubernetes API. Every call has a deadline (30 s unless said otherwise) and fails with a
 * `KubeError`. Reads are repeated after connection errors and 5xx; everything is repeated after 429, and after a 503
 * with Retry-After, as the server then did nothing.
 */
export class KubeClient {
  readonly #transport: Transport;
  readonly #options: ConnectOptions;
  readonly #bucket: TokenBucket;

  /** `connect` is the usual way; this takes any transport. */
  constructor(transport: Transport, options: ConnectOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#bucket = new TokenBucket({ perSecond: options.qps ?? 50, burst: options.burst ?? 100 });
  }

  /** Reads the configuration; connects with the first call. Throws where there is no usable configuration. */
  static connect(options: ConnectOptions): KubeClient {
    return new KubeClient(kubeTransport(loadKubeConfig(options.kubeconfigPath)), options);
  }

  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return this.#json<T>({ ...options, method: 'GET', path: pathOf(resource, ref) });
  }

  /** One page. */
  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ListPage<T>> {
    const { namespace, labelSelector, fieldSelector, limit, resourceVersion, signal, timeoutMs } = options;
    const query = { labelSelector, fieldSelector, limit, resourceVersion, continue: options.continue };
    const path = pathOf(resource, { namespace });
    const list = await this.#json<{ metadata?: { resourceVersion?: string; continue?: string }; items?: T[] | null }>({
      method: 'GET',
      path,
      query,
      signal,
      timeoutMs,
    });
    // Items of a list carry neither apiVersion nor kind.
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    return {
      items: (list.items ?? []).map((item) => ({ ...type, ...item })),
      resourceVersion: list.metadata?.resourceVersion ?? '',
      continue: list.metadata?.continue === '' ? undefined : list.metadata?.continue,
    };
  }

  /**
   * The events of one watch connection; ends when the server ends it. Throws a `KubeError` where the server refuses
   * it, sends an ERROR event, or the connection breaks. Not repeated: a reflector does that.
   */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal } = options;
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds,
    };
    const call: Call = { method: 'GET', path: pathOf(resource, { namespace }), query };
    // The deadline covers the answer's headers only; how long a silent stream is believed is the reflector's decision.
    const headers = new AbortController();
    const timer = setTimeout(() => {
      headers.abort(new DOMException('no answer', 'TimeoutError'));
    }, this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let response: TransportResponse;
    try {
      response = await this.#attempt(call, AbortSignal.any([signal, headers.signal]));
    } finally {
      clearTimeout(timer);
    }
    try {
      for await (const line of readLines(response.body)) {
        const event = JSON.parse(line) as { type: string; object: unknown };
        if (event.type === 'ERROR') throw errorOf(call, event.object);
        yield event as WatchEvent<T>;
      }
    } catch (error) {
      throw error instanceof KubeError ? error : connectionError(call, error);
    }
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Promise<T> {
    const path = pathOf(resource, { namespace: object.metadata.namespace });
    return this.#json<T>({ ...options, method: 'POST', path, body: typed(resource, object) });
  }

  /** Replaces the object; a conflict (409) where its resourceVersion is not the newest. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options: CallOptions = {}): Promise<T> {
    return this.#json<T>({
      ...options,
      method: 'PUT',
      path: pathOf(resource, object.metadata),
      body: typed(resource, object),
    });
  }

  patch<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options: PatchOptions): Promise<T> {
    const { type, body, subresource, fieldManager, force, signal, timeoutMs } = options;
    if (type === 'apply' && fieldManager === undefined) throw new TypeError('apply needs a fieldManager');
    return this.#json<T>({
      method: 'PATCH',
      path: pathOf(resource, ref, subresource),
      query: { fieldManager, force: type === 'apply' && force ? 'true' : undefined },
      body,
      contentType: PATCH_TYPES[type],
      signal,
      timeoutMs,
    });
  }

  /** Server-side apply: `object` holds exactly the fields that this field manager wants. Takes over from others. */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    object: KubeObject,
    options: CallOptions & { readonly fieldManager: string },
  ): Promise<T> {
    return this.patch(resource, object.metadata, {
      ...options,
      type: 'apply',
      body: typed(resource, object),
      force: true,
    });
  }

  /** Server-side apply of the status subresource: `status` is the whole that this field manager wants. */
  applyStatus<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options: CallOptions & { readonly status: unknown; readonly fieldManager: string },
  ): Promise<T> {
    const { status, ...rest } = options;
    const metadata = { name: ref.name, ...(resource.namespaced ? { namespace: ref.namespace } : {}) };
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, status };
    return this.patch(resource, ref, { ...rest, type: 'apply', body, subresource: 'status', force: true });
  }

  /** Asks for deletion; an object that is gone already is not an error. */
  async delete<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    options: DeleteOptions = {},
  ): Promise<void> {
    const { uid, resourceVersion, propagationPolicy, signal, timeoutMs } = options;
    const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy };
    try {
      await this.#json<GenericObject>({ method: 'DELETE', path: pathOf(resource, ref), body, signal, timeoutMs });
    } catch (error) {
      if (!(error instanceof KubeError && error.status === 404)) throw error;
    }
  }

  /** Cuts all connections. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  async #json<R>(call: Call): Promise<R> {
    const deadline = AbortSignal.timeout(call.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
    const backoff = new Backoff({ baseMs: 100, maxMs: 5_000, random: Math.random });
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#attempt(call, signal);
        const text = await response.text();
        return JSON.parse(text) as R;
      } catch (raw) {
        const error = raw instanceof KubeError ? raw : connectionError(call, raw);
        if (attempt >= MAX_ATTEMPTS || signal.aborted || !repeatable(call, error)) throw error;
        const wait = Math.max(error.retryAfterMs ?? 0, backoff.next());
        await delay(wait, undefined, { signal }).catch(() => {
          throw error;
        });
      }
    }
  }

  /** One exchange; resolves with a 2xx answer whose body is unread. */
  async #attempt(call: Call, signal: AbortSignal): Promise<TransportResponse> {
    const wait = this.#bucket.reserve(performance.now());
    if (wait > 0) {
      await delay(wait, undefined, { signal }).catch((error: unknown) => {
        throw connectionError(call, error);
      });
    }
    const first = await this.#exchange(call, signal, false);
    // A rotated token is refused until it has been read again: once more, with fresh credentials.
    const response = first.status === 401 ? await this.#exchange(call, signal, true, first) : first;
    if (response.status >= 200 && response.status < 300) return response;
    const text = await response.text().catch(() => '');
    throw errorOf(call, statusOf(text), { status: response.status, retryAfter: response.header('retry-after') });
  }

  // eslint-disable-next-line max-params -- private, and each of another type
  async #exchange(
    call: Call,
    signal: AbortSignal,
    renewCredentials: boolean,
    unread?: TransportResponse,
  ): Promise<TransportResponse> {
    await unread?.text().catch(() => '');
    const started = performance.now();
    const report = (code: string): void => {
      const { host } = this.#transport;
      this.#options.onRequest?.({ code, method: call.method, host, durationMs: performance.now() - started });
    };
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) query.set(name, String(value));
    try {
      const response = await this.#transport.send({
        method: call.method,
        path: query.size > 0 ? `${call.path}?${query.toString()}` : call.path,
        headers: {
          accept: 'application/json',
          'user-agent': this.#options.userAgent,
          ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal,
        renewCredentials,
      });
      report(String(response.status));
      return response;
    } catch (error) {
      report('<error>');
      throw connectionError(call, error);
    }
  }
}

const typed = <T extends KubeObject>(resource: Resource<T>, object: KubeObject): KubeObject => ({
  ...object,
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
});

function repeatable(call: Call, error: KubeError): boolean {
  if (error.status === 429 || (error.status === 503 && error.retryAfterMs !== undefined)) return true;
  if (call.method !== 'GET') return false;
  return error.reason === 'ConnectionFailed' || [500, 502, 503, 504].includes(error.status);
}

interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

function statusOf(text: string): Status {
  try {
    return JSON.parse(text) as Status;
  } catch {
    // A proxy's error page: its first characters say more than nothing.
    return { message: text.slice(0, 200) };
  }
}

const called = (call: Call): string => `${call.method} ${call.path}`;

function errorOf(call: Call, body: unknown, answer?: { status: number; retryAfter: string | undefined }): KubeError {
  const status = (body ?? {}) as Status;
  const header = Number(answer?.retryAfter);
  const seconds = Number.isFinite(header) && answer?.retryAfter ? header : status.details?.retryAfterSeconds;
  const code = answer?.status ?? status.code ?? 500;
  return new KubeError({
    status: code,
    reason: status.reason ?? `HTTP${code}`,
    message: status.message ?? `HTTP status ${code}`,
    path: called(call),
    retryAfterMs: seconds === undefined ? undefined : Math.max(0, seconds) * 1000,
  });
}

function connectionError(call: Call, cause: unknown): KubeError {
  if (cause instanceof KubeError) return cause;
  // By its name: what an aborted signal carries need not be an instance of this realm's Error.
  const { name, message } = (cause ?? {}) as { readonly name?: unknown; readonly message?: unknown };
  const reason = name === 'TimeoutError' ? 'DeadlineExceeded' : name === 'AbortError' ? 'Canceled' : 'ConnectionFailed';
  const text = typeof message === 'string' ? message : String(cause);
  return new KubeError({ status: 0, reason, message: `${reason}: ${text}`, path: called(call), cause });
}
