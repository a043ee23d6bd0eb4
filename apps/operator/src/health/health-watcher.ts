import { credentials } from '@grpc/grpc-js';
import { HealthStore, type HealthView } from '@tsgateway/model';
import type { Logger } from '@tsgateway/process';
import {
  HealthServiceClient,
  type HealthUpdate,
  type TargetHealth as TargetReport,
} from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { clientOptions, watchStream } from '@tsgateway/rpc';
import { Gauge, type Registry } from 'prom-client';
import { followPeers, type Peers } from '../peers/peers.ts';
import type { TargetDetails } from '../status/target-details.ts';

export interface HealthWatcherOptions {
  /** The checkers. */
  readonly peers: Peers;
  /** Who this is, for the checkers' logs. */
  readonly client: string;
  /** `namespace/name` of the services that a target belongs to, for the log. */
  readonly servicesOf: (target: string) => readonly string[];
  /** Targets whose health is different now. */
  readonly onChange: (targets: ReadonlySet<string>) => void;
  readonly log: Logger;
  readonly metrics: Registry;
}

/** Follows the health that every checker streams. What a checker said last stands while it is away. */
export class HealthWatcher {
  readonly #o: HealthWatcherOptions;
  readonly #store = new HealthStore();
  readonly #details = new Map<string, TargetDetails>();
  readonly #connected = new Map<string, boolean>();
  /** Checkers that have not reported yet. */
  readonly #silent: Set<string>;
  readonly #reported = Promise.withResolvers<undefined>();

  constructor(options: HealthWatcherOptions) {
    this.#o = options;
    this.#silent = new Set(options.peers.set.addresses);
    this.#heard(undefined);
    const connected = this.#connected;
    new Gauge({
      name: 'health_checker_connected',
      help: '1: the health stream of this checker is up.',
      labelNames: ['checker'],
      registers: [options.metrics],
      collect() {
        for (const [checker, up] of connected) this.set({ checker }, up ? 1 : 0);
      },
    });
  }

  get health(): HealthView {
    return this.#store.view();
  }

  /** As of the last change of each target's health. */
  get details(): ReadonlyMap<string, TargetDetails> {
    return this.#details;
  }

  /** Resolves once every checker has said what it knows, or after `ms`: one that is away must not hold up the others. */
  async firstReports(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([this.#reported.promise, late]);
    clearTimeout(timer);
  }

  /** Watches until the signal aborts. */
  start(signal: AbortSignal): void {
    followPeers({
      peers: this.#o.peers,
      signal,
      follow: (address, about) => {
        this.#watch(address, about.signal);
      },
    });
  }

  /** Forgets targets that no machine has any more. */
  retain(targets: ReadonlyMap<string, unknown>): void {
    this.#store.retain(targets);
    for (const target of this.#details.keys()) if (!targets.has(target)) this.#details.delete(target);
  }

  /** What a stream does with a message. */
  receive(update: HealthUpdate): void {
    const before = new Map(update.targets.map(({ target }) => [target, this.health.get(target)?.healthy]));
    const changed = this.#store.apply(update);
    for (const report of update.targets) {
      if (!changed.has(report.target)) continue;
      this.#details.set(report.target, detailsOf(report));
      this.#tell(report, before.get(report.target));
    }
    if (changed.size > 0) this.#o.onChange(changed);
  }

  #watch(address: string, signal: AbortSignal): void {
    const { log, client: name } = this.#o;
    this.#connected.set(address, false);
    const client = new HealthServiceClient(address, credentials.createInsecure(), clientOptions());
    let checker: string | undefined;
    watchStream<HealthUpdate>({
      name: `health of ${address}`,
      open: () => client.watchHealth({ client: name }),
      onMessage: (update) => {
        checker = update.checker;
        this.receive(update);
        this.#heard(address);
      },
      onState: (connected) => {
        this.#connected.set(address, connected);
        if (connected) log.info({ checker: address }, 'health checker connected');
        else {
          log.warn({ checker: address }, 'health stream failed: what was known last still holds');
          if (checker !== undefined) this.#store.disconnected(checker);
        }
      },
      log,
      signal,
    });
    signal.addEventListener(
      'abort',
      () => {
        client.close();
        this.#connected.delete(address);
        this.#heard(address);
        if (checker !== undefined) this.#store.disconnected(checker);
      },
      { once: true },
    );
  }

  #heard(address: string | undefined): void {
    if (address !== undefined) this.#silent.delete(address);
    if (this.#silent.size === 0) this.#reported.resolve(undefined);
  }

  #tell(report: TargetReport, before: boolean | undefined): void {
    const { log, servicesOf } = this.#o;
    const healthy = this.health.get(report.target)?.healthy ?? true;
    if (before === healthy || (before === undefined && healthy)) return;
    const services = servicesOf(report.target);
    if (healthy) {
      log.info({ target: report.target, services }, 'health check passed');
    } else {
      const last = report.recentFailures.at(-1);
      log.warn(
        { target: report.target, services, errorType: last?.errorType, err: last?.message },
        'health check failed',
      );
    }
  }
}

const detailsOf = (report: TargetReport): TargetDetails => ({
  averageResponseTimeUs: Number(report.averageResponseTimeUs),
  successiveSuccesses: report.successiveSuccesses,
  successiveFailures: report.successiveFailures,
  recentFailures: report.recentFailures.map((f) => ({
    atMs: Number(f.atMs),
    errorType: f.errorType,
    message: f.message,
    statusCode: f.statusCode,
  })),
});
