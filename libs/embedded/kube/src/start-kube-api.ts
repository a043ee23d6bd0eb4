import { randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { stringify as yaml } from 'yaml';
import { makeServingCertificate } from './certificates.ts';
import type { ServingCertificate } from './certificates.ts';
import { Handler } from './http/handler.ts';
import type { HandlerLog } from './http/handler.ts';
import { WatchServer } from './http/watch.ts';
import { coreKinds } from './kinds/core-kinds.ts';
import { gatewayApiDefinitions } from './kinds/gateway-api.ts';
import { KindRegistry } from './kinds/registry.ts';
import { reviewKinds } from './kinds/review-kinds.ts';
import { workloadKinds } from './kinds/workload-kinds.ts';
import { DefinitionController, withDefinitionChecks } from './resources/definitions.ts';
import { GarbageCollector } from './resources/garbage-collector.ts';
import { ResourceApi, systemOptions } from './resources/resource-api.ts';
import { Store } from './storage/store.ts';

/** Bounds, each with a default that suits one machine; tests make them small. */
export interface KubeApiLimits {
  /** Objects held at most (100,000). */
  maxObjects?: number;
  /** Changes kept for watches that resume and lists that continue (10,000). */
  historySize?: number;
  /** Open watches at most (1,000). */
  maxWatchers?: number;
  /** Unread bytes after which a slow watcher is cut off (16 MiB). */
  maxBufferedBytes?: number;
  /** Milliseconds between bookmarks (60,000). */
  bookmarkIntervalMs?: number;
  /** The largest request body (3 MiB). */
  maxBodyBytes?: number;
}

/** Any CustomResourceDefinition object: it is checked when it is stored. */
export interface DefinitionLike {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

export interface KubeApiOptions {
  /** 0 or absent: any free port. */
  port?: number;
  /** Loopback only: the API allows everything to everyone who reaches it. */
  host?: '127.0.0.1';
  /** HTTPS with a certificate of an own authority, and a bearer token. */
  tls?: boolean;
  /** Definitions served from the start, beside those of the Gateway API. */
  crds?: readonly DefinitionLike[];
  limits?: KubeApiLimits;
  log?: HandlerLog;
}

/** A running embedded Kubernetes API. */
export interface KubeApi {
  /** `http://127.0.0.1:<port>` or `https://...` */
  readonly url: string;
  /** The bearer token, undefined over HTTP. */
  readonly token: string | undefined;
  /** PEM of the authority, undefined over HTTP. */
  readonly ca: string | undefined;
  /** A kubeconfig (YAML) with everything a client needs. */
  kubeconfig(): string;
  /** Ends watches and connections, and frees the port. */
  close(): Promise<void>;
}

const silent: HandlerLog = { debug: () => undefined, error: () => undefined };

/** Namespaces that are there from the start. */
const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease', 'tailscale-gateway-system'];

/**
 * Starts the API and resolves when it accepts connections.
 *
 * @throws {StatusError} 422 when a given definition is invalid; the error of `listen` when the port is taken.
 */
export async function startKubeApi(options: KubeApiOptions = {}): Promise<KubeApi> {
  const { limits = {}, host = '127.0.0.1' } = options;
  const log = options.log ?? silent;
  const certificate = options.tls === true ? await makeServingCertificate(host) : undefined;
  const token = certificate === undefined ? undefined : randomBytes(24).toString('base64url');

  const store = new Store({ historySize: limits.historySize ?? 10_000, maxObjects: limits.maxObjects ?? 100_000 });
  const kinds = new KindRegistry([...coreKinds(), ...workloadKinds(), ...reviewKinds()].map(withDefinitionChecks));
  const api = new ResourceApi({ store, kinds, clock: Date.now });
  const definitions = new DefinitionController(api);
  const collector = new GarbageCollector(api);
  seed(api, options.crds ?? []);

  const watches = new WatchServer(api, {
    maxWatchers: limits.maxWatchers ?? 1000,
    maxBufferedBytes: limits.maxBufferedBytes ?? 16 * 1024 * 1024,
    bookmarkIntervalMs: limits.bookmarkIntervalMs ?? 60_000,
  });
  const handler = new Handler({ api, watches, token, maxBodyBytes: limits.maxBodyBytes ?? 3 * 1024 * 1024, log });
  const answer = (request: Parameters<Handler['handle']>[0], response: Parameters<Handler['handle']>[1]): void => {
    void handler.handle(request, response);
  };
  const server =
    certificate === undefined
      ? createHttpServer(answer)
      : createHttpsServer({ cert: certificate.cert, key: certificate.key }, answer);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const url = `${certificate === undefined ? 'http' : 'https'}://${host}:${port}`;
  let closing: Promise<void> | undefined;
  return {
    url,
    token,
    ca: certificate?.ca,
    kubeconfig: () => kubeconfigOf(url, certificate, token),
    close: () =>
      (closing ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        watches.close();
        definitions.close();
        collector.close();
        // What is still open after its watch has ended is an idle keep-alive connection.
        setImmediate(() => {
          for (const socket of sockets) socket.destroy();
        });
      })),
  };
}

function seed(api: ResourceApi, crds: readonly DefinitionLike[]): void {
  const options = systemOptions('embedded-kube');
  const create = (
    place: { group: string; version: string; plural: string },
    namespace: string | undefined,
    body: unknown,
  ): void => {
    const kind = api.kinds.find(place.group, place.version, place.plural);
    if (kind !== undefined) api.create(kind, { namespace, body, options });
  };
  for (const name of namespaces) {
    create({ group: '', version: 'v1', plural: 'namespaces' }, undefined, { metadata: { name } });
    create({ group: '', version: 'v1', plural: 'serviceaccounts' }, name, { metadata: { name: 'default' } });
  }
  create({ group: '', version: 'v1', plural: 'services' }, 'default', {
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }] },
  });
  const given = new Set(crds.map((crd) => crd.metadata.name));
  for (const crd of [...gatewayApiDefinitions().filter((d) => !given.has(d.metadata.name)), ...crds]) {
    create({ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' }, undefined, crd);
  }
}

function kubeconfigOf(url: string, certificate: ServingCertificate | undefined, token: string | undefined): string {
  const authority =
    certificate === undefined ? {} : { 'certificate-authority-data': Buffer.from(certificate.ca).toString('base64') };
  return yaml({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'embedded',
    clusters: [{ name: 'embedded', cluster: { server: url, ...authority } }],
    contexts: [{ name: 'embedded', context: { cluster: 'embedded', user: 'embedded', namespace: 'default' } }],
    users: [{ name: 'embedded', user: token === undefined ? {} : { token } }],
  });
}
