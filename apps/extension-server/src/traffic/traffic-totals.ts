import { type MeshModel, serviceKey } from '@tsgateway/model';
import type { ClusterStats } from '@tsgateway/protos/envoy/config/endpoint/v3/load_report';
import type { GroupTraffic } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { parseServiceClusterName } from '@tsgateway/xds';

interface Total {
  readonly service: string;
  readonly group: string;
  issued: bigint;
  succeeded: bigint;
  failed: bigint;
  /** Since when the model does not name it, in ms; undefined: it does. */
  goneSinceMs: number | undefined;
}

/** An Envoy reports a group for some seconds after it is gone, and a service that is replaced is back in less. */
const forgetAfterMs = 600_000;
/** Before there is a model everything is taken; more than any model has. */
const maxTotals = 200_000;

/**
 * Requests per group of backends since the process began, summed over all Envoys, clusters and priorities. Totals never
 * fall while the model has their group; one that it has not had for 10 minutes is forgotten.
 */
export class TrafficTotals {
  readonly #now: () => number;
  readonly #totals = new Map<string, Total>();
  #live: ReadonlySet<string> | undefined;

  /** @param now in ms, from a clock that only goes forward */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#totals.size;
  }

  /** Takes the groups that exist from the model. */
  retain({ services }: Pick<MeshModel, 'services'>): void {
    const live = new Set<string>();
    for (const [service, { groups }] of services) for (const { name } of groups) live.add(totalKey(service, name));
    this.#live = live;
    for (const [key, total] of this.#totals) {
      if (live.has(key)) total.goneSinceMs = undefined;
      else total.goneSinceMs ??= this.#now();
    }
    this.#forget();
  }

  /**
   * Adds what one Envoy reports: counts since its report before. Clusters that are none of ours are ignored.
   * @returns the keys of the totals that changed
   */
  add(report: readonly ClusterStats[]): Set<string> {
    const changed = new Set<string>();
    for (const { clusterName, clusterServiceName, upstreamLocalityStats } of report) {
      const cluster = parseServiceClusterName(clusterName) ?? parseServiceClusterName(clusterServiceName);
      if (!cluster) continue;
      const service = serviceKey(cluster);
      for (const stats of upstreamLocalityStats) {
        const { totalIssuedRequests: issued, totalSuccessfulRequests: succeeded, totalErrorRequests: failed } = stats;
        if (issued + succeeded + failed === 0n) continue;
        const total = this.#total(service, stats.locality?.region ?? '');
        if (!total) continue;
        total.issued += issued;
        total.succeeded += succeeded;
        total.failed += failed;
        changed.add(totalKey(service, total.group));
      }
    }
    return changed;
  }

  /** Undefined: forgotten meanwhile. */
  get(key: string): GroupTraffic | undefined {
    const total = this.#totals.get(key);
    if (!total) return undefined;
    const { service, group, issued, succeeded, failed } = total;
    return { service, group, issued, succeeded, failed };
  }

  /** Every total, sorted by service and group. */
  all(): GroupTraffic[] {
    return [...this.#totals.keys()].sort().flatMap((key) => this.get(key) ?? []);
  }

  #total(service: string, group: string): Total | undefined {
    const key = totalKey(service, group);
    const known = this.#totals.get(key);
    if (known) return known;
    const live = this.#live?.has(key) ?? true;
    if (!live || this.#totals.size >= maxTotals) return undefined;
    const total: Total = { service, group, issued: 0n, succeeded: 0n, failed: 0n, goneSinceMs: undefined };
    this.#totals.set(key, total);
    return total;
  }

  #forget(): void {
    const before = this.#now() - forgetAfterMs;
    for (const [key, { goneSinceMs }] of this.#totals) {
      if (goneSinceMs !== undefined && goneSinceMs <= before) this.#totals.delete(key);
    }
  }
}

const totalKey = (service: string, group: string): string => `${service}\n${group}`;
