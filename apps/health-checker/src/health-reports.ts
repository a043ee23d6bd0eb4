import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ProbeTarget } from '@tsgateway/model';
import type { HealthUpdate, TargetHealth, WatchHealthRequest } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { LatestPerKey } from '@tsgateway/rpc';
import type { TargetState } from './threshold.ts';

type Stream = ServerWritableStream<WatchHealthRequest, HealthUpdate>;
/** Undefined: not probed any more. */
type Change = TargetHealth | undefined;

/** Tells everyone who watches: first all that is known, then what changes. A steady state says nothing. */
export class HealthReports {
  readonly #checker: string;
  readonly #snapshot: () => Iterable<[ProbeTarget, TargetState]>;
  readonly #watchers = new Set<LatestPerKey<Change, HealthUpdate>>();
  /** Of the checker set by which the targets are ours. */
  epoch = 0;

  /** @param checker our identity, new with each start of the process */
  constructor(checker: string, snapshot: () => Iterable<[ProbeTarget, TargetState]>) {
    this.#checker = checker;
    this.#snapshot = snapshot;
  }

  /** Handler of WatchHealth. */
  readonly watchHealth = (stream: Stream): void => {
    const watcher = new LatestPerKey<Change, HealthUpdate>({
      stream,
      toMessage: (changes) => this.#update({ snapshot: false, changes }),
    });
    this.#watchers.add(watcher);
    const gone = () => this.#watchers.delete(watcher);
    stream.on('cancelled', gone);
    stream.on('close', gone);
    stream.on('error', gone);
    const known = [...this.#snapshot()].flatMap(([target, state]): [string, Change][] => {
      const health = toMessage(target, state);
      return health ? [[target.id, health]] : [];
    });
    watcher.send(this.#update({ snapshot: true, changes: new Map(known) }));
  };

  changed(target: ProbeTarget, state: TargetState): void {
    const health = toMessage(target, state);
    if (health) for (const watcher of this.#watchers) watcher.set(target.id, health);
  }

  removed(target: ProbeTarget): void {
    for (const watcher of this.#watchers) watcher.set(target.id, undefined);
  }

  #update({ snapshot, changes }: { snapshot: boolean; changes: ReadonlyMap<string, Change> }): HealthUpdate {
    return {
      checker: this.#checker,
      epoch: BigInt(this.epoch),
      snapshot,
      targets: [...changes.values()].filter((c) => c !== undefined),
      removed: [...changes].filter(([, c]) => c === undefined).map(([id]) => id),
    };
  }
}

/** Undefined: nothing is known yet. */
function toMessage(target: ProbeTarget, state: TargetState): TargetHealth | undefined {
  if (state.healthy === undefined || state.observedSinceMs === undefined) return undefined;
  return {
    target: target.id,
    healthy: state.healthy,
    observedSinceMs: BigInt(state.observedSinceMs),
    transitions: state.transitions.map((t) => ({ atMs: BigInt(t.atMs), healthy: t.healthy })),
    successiveSuccesses: state.successes,
    successiveFailures: state.failures,
    recentFailures: state.recentFailures.map((f) => ({
      atMs: BigInt(f.atMs),
      errorType: f.errorType,
      message: f.message,
      statusCode: f.statusCode ?? 0,
    })),
    averageResponseTimeUs: BigInt(Math.round(state.averageMs * 1000)),
  };
}
