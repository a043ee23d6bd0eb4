import { createHash } from 'node:crypto';
import type { RequestOptions as HttpsOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, request, type Dispatcher } from 'undici';
import { systemClock, type Clock } from './clock.ts';

/** One HTTP exchange with the API server, authenticated. */
export interface Transport {
  /** `host:port`, the label of metrics. */
  readonly host: string;
  send(call: TransportCall): Promise<TransportResponse>;
  close(): Promise<void>;
}

export interface TransportCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** Credentials that were just refused are not used again. */
  readonly renewCredentials?: boolean;
}

export interface TransportResponse {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
}

/** How long credentials from a kubeconfig or a token file are used before they are read again. */
const CREDENTIALS_TTL_MS = 10_000;

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  readonly readAtMs: number;
}

/**
 * Where the API server is and how to get in: an explicit kubeconfig file (several, joined by ":", use the first), else
 * the pod's service account. Throws with the path where a file cannot be read.
 */
export function loadKubeConfig(kubeconfigPath?: string): KubeConfig {
  const config = new KubeConfig();
  const path = kubeconfigPath?.split(':').find((p) => p !== '');
  if (path === undefined) {
    config.loadFromCluster();
  } else {
    try {
      config.loadFromFile(path);
    } catch (cause) {
      throw new Error(`kubeconfig ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null || !URL.canParse(cluster.server)) {
    throw new Error(
      path === undefined
        ? 'no Kubernetes API: set KUBECONFIG, or run in a pod (KUBERNETES_SERVICE_HOST is not set)'
        : `kubeconfig ${path}: its current context names no cluster with a server URL`,
    );
  }
  return config;
}

/**
 * Requests over one pool of kept-alive connections. client-node opens a TLS connection per call; its KubeConfig still
 * supplies TLS material and authentication (token files, exec plugins, client certificates), read again every 10 s.
 */
export function kubeTransport(config: KubeConfig, clock: Clock = systemClock): Transport {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');
  const server = new URL(cluster.server);
  // client-node refuses plain http unless TLS verification is off; there is nothing to verify then.
  const auth = server.protocol === 'http:' ? withoutTls(config) : config;
  const basePath = server.pathname.replace(/\/$/, '');

  let pool: { key: string; dispatcher: Dispatcher } | undefined;
  let current: Credentials | undefined;
  let pending: Promise<Credentials> | undefined;

  const dispatcherFor = (options: HttpsOptions): Dispatcher => {
    const tls = {
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      passphrase: options.passphrase,
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized ?? true,
    };
    const key = createHash('sha256').update(JSON.stringify(tls)).digest('hex');
    if (pool?.key === key) return pool.dispatcher;
    // Rotated certificates: running requests and watches finish on the old connections.
    void pool?.dispatcher.close().catch(() => undefined);
    const connect = { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 };
    const timeouts = { headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 60_000 };
    const proxy = cluster.proxyUrl;
    if (proxy !== undefined && !/^https?:/.test(proxy)) {
      throw new Error(
        `kubeconfig: proxy-url ${new URL(proxy).protocol}// is not supported, use an http or https proxy`,
      );
    }
    const dispatcher =
      proxy === undefined
        ? new Agent({ ...timeouts, connect })
        : new ProxyAgent({ ...timeouts, uri: proxy, requestTls: connect });
    pool = { key, dispatcher };
    return dispatcher;
  };

  const readCredentials = async (): Promise<Credentials> => {
    const options: HttpsOptions = { headers: {} };
    await auth.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
    if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    return { headers, dispatcher: dispatcherFor(options), readAtMs: clock.elapsed() };
  };

  const credentials = (renew: boolean): Promise<Credentials> => {
    if (!renew && current && clock.elapsed() - current.readAtMs < CREDENTIALS_TTL_MS) return Promise.resolve(current);
    pending ??= readCredentials()
      .then((read) => (current = read))
      .finally(() => (pending = undefined));
    return pending;
  };

  return {
    host: server.host,
    async send(call) {
      const { headers, dispatcher } = await credentials(call.renewCredentials === true);
      const response = await request(`${server.origin}${basePath}${call.path}`, {
        dispatcher,
        method: call.method,
        headers: { ...call.headers, ...headers },
        body: call.body ?? null,
        signal: call.signal,
      });
      return {
        status: response.statusCode,
        header: (name) => {
          const value = response.headers[name];
          return Array.isArray(value) ? value[0] : value;
        },
        body: response.body,
        text: () => response.body.text(),
      };
    },
    async close() {
      await pool?.dispatcher.destroy();
      pool = undefined;
      current = undefined;
    },
  };
}

function withoutTls(config: KubeConfig): KubeConfig {
  const copy = new KubeConfig();
  copy.loadFromOptions({
    clusters: config.clusters.map((c) => ({ ...c, skipTLSVerify: true })),
    users: config.users,
    contexts: config.contexts,
    currentContext: config.currentContext,
  });
  return copy;
}
