import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  type GroupTraffic,
  TrafficReport,
  type TrafficServiceServer,
  type WatchTrafficRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { LatestPerKey } from '@tsgateway/rpc';
import type { TrafficTotals } from './traffic-totals.ts';

/** Serves the totals: first all, then those that changed, to each reader the newest. */
export class TrafficService {
  readonly #bootId: string;
  readonly #totals: TrafficTotals;
  readonly #watchers = new Set<LatestPerKey<GroupTraffic, TrafficReport>>();
  #translationOwed = false;

  /** @param bootId names this process: its totals began at zero with it */
  constructor(bootId: string, totals: TrafficTotals) {
    this.#bootId = bootId;
    this.#totals = totals;
  }

  get implementation(): TrafficServiceServer {
    return { watchTraffic: (call) => this.#watch(call) };
  }

  /** These totals, by their keys, are other ones now. */
  changed(keys: ReadonlySet<string>): void {
    if (this.#watchers.size === 0) return;
    for (const key of keys) {
      const total = this.#totals.get(key);
      if (total) for (const watcher of this.#watchers) watcher.set(key, total);
    }
  }

  /** A translation was refused for want of a model, and there is one now: whoever reads has Envoy Gateway ask again. */
  oweTranslation(): void {
    this.#translationOwed = true;
    for (const watcher of this.#watchers) watcher.send(this.#report([]));
  }

  #watch(call: ServerWritableStream<WatchTrafficRequest, TrafficReport>): void {
    const watcher = new LatestPerKey<GroupTraffic, TrafficReport>({
      stream: call,
      toMessage: (changes) => this.#report([...changes.values()]),
    });
    this.#watchers.add(watcher);
    const gone = () => this.#watchers.delete(watcher);
    call.once('close', gone);
    call.once('cancelled', gone);
    call.once('error', gone);
    watcher.send(this.#report(this.#totals.all()));
  }

  #report(groups: GroupTraffic[]): TrafficReport {
    return TrafficReport.fromPartial({ bootId: this.#bootId, groups, translationOwed: this.#translationOwed });
  }
}
