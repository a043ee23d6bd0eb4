import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '@tsgateway/kube';
import type { BackendStats, DataPlane } from '../data-plane.ts';
import type { Snapshot } from '../snapshot.ts';
import { AdsServer } from '../xds/ads-server.ts';
import { bootstrap } from './bootstrap.ts';
import { clusterStats } from './cluster-stats.ts';
import { EnvoyProcess } from './envoy-process.ts';

export interface EnvoyDataPlaneOptions {
  readonly binary: string;
  readonly workDir: string;
  /** `<namespace>/<name>`. */
  readonly gateway: string;
  /** `host:port`. */
  readonly eds: string;
  readonly log: Log;
}

/** How long a publication waits for new clusters to get their endpoints before routes name them all the same. */
const WARM_DEADLINE_MS = 5_000;
const LISTEN_DEADLINE_MS = 20_000;
const POLL_MS = 20;

/** Starts an Envoy with an xDS server of its own. It serves nothing until the first snapshot. */
export async function startEnvoy(options: EnvoyDataPlaneOptions): Promise<DataPlane> {
  const plane = new EnvoyDataPlane(options);
  await plane.start();
  return plane;
}

class EnvoyDataPlane implements DataPlane {
  readonly #options: EnvoyDataPlaneOptions;
  readonly #ads: AdsServer;
  #envoy: EnvoyProcess | undefined;

  constructor(options: EnvoyDataPlaneOptions) {
    this.#options = options;
    // Envoy answers requests to a cluster that is not warm yet with 503: routes are sent after the clusters that they name.
    const warmed = () =>
      this.#gauges('cluster_manager.warming_clusters', /: 0\s*$/, WARM_DEADLINE_MS).then(() => undefined);
    this.#ads = new AdsServer({ log: options.log, warmed });
  }

  async start(): Promise<void> {
    const { binary, workDir, gateway, eds, log } = this.#options;
    const envoy = new EnvoyProcess({
      binary,
      workDir,
      bootstrap: bootstrap({
        gateway,
        nodeId: `${gateway.replaceAll('/', '-')}-${process.pid}`,
        adsPort: await this.#ads.listen(),
        eds,
      }),
      concurrency: availableParallelism() >= 4 ? 2 : 1,
      log,
    });
    try {
      await envoy.start();
    } catch (error) {
      this.#ads.close();
      throw error;
    }
    this.#envoy = envoy;
  }

  async apply(snapshot: Snapshot): Promise<void> {
    await this.#ads.publish(snapshot);
    const listening = /total_listeners_warming: 0\n[^]*workers_started: 1/;
    const listens = await this.#gauges(
      'listener_manager.(total_listeners_warming|workers_started)',
      listening,
      LISTEN_DEADLINE_MS,
    );
    if (!listens) throw new Error(`Envoy does not listen after ${LISTEN_DEADLINE_MS / 1000} s`);
  }

  async stats(): Promise<BackendStats[]> {
    return this.#envoy ? clusterStats(await this.#envoy.admin('/clusters?format=json')) : [];
  }

  async close(): Promise<void> {
    await this.#envoy?.close();
    this.#ads.close();
  }

  /** Waits until the gauges that a filter selects read as wanted; false: they do not in time. */
  async #gauges(filter: string, wanted: RegExp, deadlineMs: number): Promise<boolean> {
    const path = `/stats?filter=${encodeURIComponent(`^${filter}$`)}`;
    const deadline = Date.now() + deadlineMs;
    while (Date.now() < deadline) {
      const text = (await this.#envoy?.admin(path).catch(() => '')) ?? '';
      if (wanted.test(text)) return true;
      await delay(POLL_MS);
    }
    return false;
  }
}
