import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { Pool } from 'undici';
import type { BackendStats } from '../data-plane.ts';
import { fromDuration } from '../duration.ts';
import type { Endpoint } from './assignment.ts';
import { addressOf, readAssignment } from './assignment.ts';
import type { Balancer, Host } from './balancer.ts';
import { balancer, policyOf } from './balancer.ts';
import type { EdsClient } from './eds-client.ts';

const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
/** Envoy's default circuit breaker. */
const MAX_CONNECTIONS = 1024;

/** One endpoint of a cluster, with its connections and counters. */
export class UpstreamHost implements Host {
  readonly load = { inFlight: 0 };
  readonly endpoint: Endpoint;
  readonly address: string;
  readonly pool: Pool;
  requests = 0;
  errors = 0;
  healthy = true;

  constructor(endpoint: Endpoint, connectTimeoutMs: number) {
    this.endpoint = endpoint;
    this.address = addressOf(endpoint);
    const { tls } = endpoint;
    this.pool = new Pool(`${tls ? 'https' : 'http'}://${this.address}`, {
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      // The route's timeout is what counts.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: connectTimeoutMs,
        ...(tls ? { servername: tls.servername, ca: tls.ca, rejectUnauthorized: tls.verify } : {}),
      },
    });
  }

  /** No request comes any more; those in flight end as they will. */
  retire(): void {
    this.pool.close().catch(() => undefined);
  }
}

/** A cluster as the proxy uses it: follows its endpoints and picks one for each request. */
export class UpstreamCluster {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #hosts = new Map<string, UpstreamHost>();
  readonly #assigned = Promise.withResolvers<undefined>();
  readonly #unwatch: () => void;
  #balancer: Balancer<UpstreamHost>;

  constructor(cluster: Cluster, eds: Pick<EdsClient, 'watch'>) {
    this.name = cluster.name;
    this.#cluster = cluster;
    this.#balancer = balancer(policyOf(cluster), []);
    const service = edsService(cluster);
    if (service === undefined) {
      this.#assign(cluster.loadAssignment ?? ClusterLoadAssignment.fromPartial({}));
      this.#unwatch = () => undefined;
    } else {
      this.#unwatch = eds.watch(service, (assignment) => {
        this.#assign(assignment);
      });
    }
  }

  /** Resolves when the endpoints are known. */
  get assigned(): Promise<void> {
    return this.#assigned.promise;
  }

  pick(excluded?: ReadonlySet<UpstreamHost>): UpstreamHost | undefined {
    return this.#balancer.pick(excluded);
  }

  stats(): BackendStats[] {
    return [...this.#hosts.values()].map((h) => ({
      cluster: this.name,
      address: h.address,
      requests: h.requests,
      active: h.load.inFlight,
      errors: h.errors,
      inRotation: h.healthy,
      healthy: h.healthy,
    }));
  }

  close(): void {
    this.#unwatch();
    for (const host of this.#hosts.values()) host.retire();
  }

  /** Cuts connections that are still in use. */
  async destroy(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.pool.destroy()));
  }

  #assign(assignment: ClusterLoadAssignment): void {
    const seen = new Set<string>();
    const localities = readAssignment(this.#cluster, assignment).map((l) => ({
      weight: l.weight,
      priority: l.priority,
      hosts: l.endpoints.map((e) => {
        const key = JSON.stringify(e.endpoint);
        seen.add(key);
        const host = this.#host(key, e.endpoint);
        host.healthy = e.healthy;
        return { host, weight: e.weight, healthy: e.healthy };
      }),
    }));
    this.#balancer = balancer(policyOf(this.#cluster), localities);
    for (const [key, host] of this.#hosts) {
      if (seen.has(key)) continue;
      this.#hosts.delete(key);
      host.retire();
    }
    this.#assigned.resolve(undefined);
  }

  #host(key: string, endpoint: Endpoint): UpstreamHost {
    const known = this.#hosts.get(key);
    if (known) return known;
    const timeoutMs = fromDuration(this.#cluster.connectTimeout) ?? DEFAULT_CONNECT_TIMEOUT_MS;
    const host = new UpstreamHost(endpoint, timeoutMs);
    this.#hosts.set(key, host);
    return host;
  }
}

/** The name under which the EDS server of custom backends knows a cluster; undefined: its endpoints come from elsewhere. */
function edsService(cluster: Cluster): string | undefined {
  const source = cluster.edsClusterConfig?.edsConfig?.configSourceSpecifier;
  // Over ADS come Envoy Gateway's own endpoints, which are in the snapshot.
  return source?.$case === 'apiConfigSource' ? cluster.edsClusterConfig?.serviceName || cluster.name : undefined;
}
