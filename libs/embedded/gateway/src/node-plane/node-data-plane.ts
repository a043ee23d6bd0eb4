import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '@tsgateway/kube';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import { HttpConnectionManager } from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { HTTP_CONNECTION_MANAGER, TYPE_PREFIX } from '../any.ts';
import type { BackendStats, DataPlane } from '../data-plane.ts';
import type { Snapshot } from '../snapshot.ts';
import { EdsClient } from './eds-client.ts';
import type { ProxyState } from './proxy.ts';
import { handle, handleUpgrade } from './proxy.ts';
import { Router } from './router.ts';
import { UpstreamCluster } from './upstream-cluster.ts';

export interface NodePlaneOptions {
  /** `<namespace>/<name>` of the Gateway. */
  readonly gateway: string;
  /** `host:port`. */
  readonly eds: string;
  readonly log: Log;
}

/** How long new clusters may wait for their endpoints before routes name them all the same. */
const ASSIGN_DEADLINE_MS = 5_000;
const DRAIN_MS = 5_000;
/** Envoy's limit. */
const MAX_HEADER_BYTES = 60 * 1024;

/** Serves snapshots in this process, over HTTP/1.1. */
export function startNodePlane(options: NodePlaneOptions): Promise<DataPlane> {
  return Promise.resolve(new NodeDataPlane(options));
}

class NodeDataPlane implements DataPlane {
  readonly #eds: EdsClient;
  #clusters: Clusters = new Map();
  /** By address. */
  readonly #listeners = new Map<string, BoundListener>();

  constructor({ gateway, eds, log }: NodePlaneOptions) {
    const node = { id: `${gateway.replaceAll('/', '-')}-${process.pid}`, cluster: gateway };
    this.#eds = new EdsClient({ address: eds, node, log });
  }

  async apply(snapshot: Snapshot): Promise<void> {
    // What can fail comes first, so that nothing has changed then.
    const routers = new Map(snapshot.routeConfigurations.map((c) => [c.name, new Router(c)]));
    const wanted = snapshot.listeners.map(readListener);
    const before = this.#clusters;
    const endpoints = new Map(snapshot.endpoints.map((e) => [e.clusterName, e]));
    const clusters = new Map(
      snapshot.clusters.map((c) => [c.name, this.#cluster(c, endpoints.get(c.edsClusterConfig?.serviceName ?? ''))]),
    );
    await Promise.race([
      Promise.all([...clusters.values()].map((c) => c.cluster.assigned)),
      delay(ASSIGN_DEADLINE_MS, undefined, { ref: false }),
    ]);
    try {
      const live = new Map([...clusters].map(([name, c]) => [name, c.cluster]));
      for (const l of wanted) {
        const state = { router: routers.get(l.routes) ?? NO_ROUTES, clusters: live };
        const bound = this.#listeners.get(l.address);
        if (bound) bound.serve(state);
        else this.#listeners.set(l.address, await BoundListener.open(l, state));
      }
    } catch (error) {
      closeUnused(clusters, before);
      throw error;
    }
    const addresses = new Set(wanted.map((l) => l.address));
    for (const [address, bound] of this.#listeners) {
      if (addresses.has(address)) continue;
      this.#listeners.delete(address);
      void bound.close();
    }
    this.#clusters = clusters;
    closeUnused(before, clusters);
  }

  /** The one that there is, where it is the same; its connections and counters go on. */
  #cluster(cluster: Cluster, endpoints: ClusterLoadAssignment = noEndpoints) {
    const fingerprint = [Cluster.encode(cluster).finish(), ClusterLoadAssignment.encode(endpoints).finish()]
      .map((bytes) => Buffer.from(bytes).toString('base64'))
      .join(' ');
    const known = this.#clusters.get(cluster.name);
    if (known?.fingerprint === fingerprint) return known;
    return {
      fingerprint,
      cluster: new UpstreamCluster({ ...cluster, loadAssignment: cluster.loadAssignment ?? endpoints }, this.#eds),
    };
  }

  stats(): Promise<BackendStats[]> {
    return Promise.resolve([...this.#clusters.values()].flatMap((c) => c.cluster.stats()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners.values()].map((l) => l.close()));
    for (const { cluster } of this.#clusters.values()) cluster.close();
    await Promise.all([...this.#clusters.values()].map((c) => c.cluster.destroy()));
    await this.#eds.close();
  }
}

type Clusters = ReadonlyMap<string, { readonly fingerprint: string; readonly cluster: UpstreamCluster }>;

/** Closes those that are not among the used. */
function closeUnused(clusters: Clusters, used: Clusters): void {
  for (const [name, { cluster }] of clusters) if (used.get(name)?.cluster !== cluster) cluster.close();
}

const noEndpoints = ClusterLoadAssignment.fromPartial({});
const NO_ROUTES = new Router(RouteConfiguration.fromPartial({}));

interface WantedListener {
  /** The name of its route configuration. */
  readonly routes: string;
  readonly host: string;
  readonly port: number;
  readonly address: string;
}

/** @throws Error where a listener is not one of plain HTTP. */
function readListener(listener: Listener): WantedListener {
  const at = listener.address?.address;
  const filter = listener.defaultFilterChain?.filters[0]?.configType;
  if (
    at?.$case !== 'socketAddress' ||
    at.value.portSpecifier?.$case !== 'portValue' ||
    filter?.$case !== 'typedConfig'
  ) {
    throw new Error(`listener ${listener.name} is not one that the Node data plane can serve`);
  }
  if (filter.value.typeUrl !== TYPE_PREFIX + HTTP_CONNECTION_MANAGER) {
    throw new Error(`listener ${listener.name}: the Node data plane serves HTTP only`);
  }
  const { routeSpecifier } = HttpConnectionManager.decode(filter.value.value);
  const [host, port] = [at.value.address, at.value.portSpecifier.value];
  return {
    routes: routeSpecifier?.$case === 'rds' ? routeSpecifier.value.routeConfigName : '',
    host,
    port,
    address: `${host}:${port}`,
  };
}

/** A port that is served, with the state that requests are answered from. */
class BoundListener {
  readonly #server: Server;
  readonly #upgraded = new Set<Socket>();
  #state: ProxyState;

  private constructor(state: Omit<ProxyState, 'draining'>) {
    this.#state = { ...state, draining: false };
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        keepAliveTimeout: 60_000,
        // Bodies may stream for as long as the route allows.
        requestTimeout: 0,
        shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
      },
      (request, response) => {
        handle(() => this.#state, request, response);
      },
    );
    this.#server.on('upgrade', (request, socket, head) => {
      this.#upgraded.add(socket as Socket);
      socket.on('close', () => this.#upgraded.delete(socket as Socket));
      handleUpgrade(this.#state, request, { socket, head });
    });
  }

  /** @throws Error where the port cannot be had. */
  static async open(l: WantedListener, state: Omit<ProxyState, 'draining'>): Promise<BoundListener> {
    const bound = new BoundListener(state);
    const server = bound.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(l.port, l.host, resolve);
    });
    return bound;
  }

  serve(state: Omit<ProxyState, 'draining'>): void {
    this.#state = { ...state, draining: false };
  }

  async close(): Promise<void> {
    this.#state = { ...this.#state, draining: true };
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const force = setTimeout(() => {
      this.#server.closeAllConnections();
      for (const socket of this.#upgraded) socket.destroy();
    }, DRAIN_MS);
    await closed;
    clearTimeout(force);
  }
}
