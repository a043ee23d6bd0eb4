import { createHash } from 'node:crypto';
import { sleep, systemClock, type Clock } from './clock.ts';
import type { KubeClient } from './kube-client.ts';
import type { Log } from './log.ts';
import { apiVersionOf, type KubeObject, type Resource } from './resource.ts';
import { TokenBucket } from './token-bucket.ts';

interface ApiEvent extends KubeObject {
  eventTime?: string;
  reportingController?: string;
  reportingInstance?: string;
  action?: string;
  reason?: string;
  note?: string;
  type?: 'Normal' | 'Warning';
  regarding?: object;
  series?: { count: number; lastObservedTime: string };
}

const events: Resource<ApiEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>;
  /** `gateway.tailscale.com/operator`. */
  readonly controller: string;
  /** The pod. */
  readonly instance: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** Events that wait to be written; the rest is dropped and counted. */
  readonly maxPending?: number;
}

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase. */
  readonly reason: string;
  /** What was done, UpperCamelCase. */
  readonly action: string;
  /** For people; at most 1 kB is kept. */
  readonly note: string;
}

/** The same event within this time is counted in a series, not written anew. */
const SERIES_MS = 6 * 60_000;
const MAX_SERIES = 1000;
/** Per object, as client-go: 25 at once, then one in five minutes. */
const PER_OBJECT = { burst: 25, perSecond: 1 / 300 };

interface Series {
  name: string;
  namespace: string;
  count: number;
  lastMs: number;
  queued: boolean;
  written: boolean;
  readonly body: ApiEvent;
}

/**
 * Writes Kubernetes Events about objects. Recording never blocks and never fails: equal events become a series, a
 * talkative object is limited, and what does not fit is dropped and counted.
 */
export class EventRecorder {
  readonly #o: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #pending: Series[] = [];
  #wake: (() => void) | undefined;
  #dropped = 0;
  #made = 0;

  constructor(options: EventRecorderOptions) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Events that were not written: too many of one object, or too many at all. */
  get dropped(): number {
    return this.#dropped;
  }

  record<T extends KubeObject>(resource: Resource<T>, object: T, event: RecordedEvent): void {
    const { namespace, name, uid, resourceVersion } = object.metadata;
    const id = [
      resource.kind,
      namespace ?? '',
      name,
      uid ?? '',
      event.type,
      event.reason,
      event.action,
      event.note,
    ].join('\n');
    const nowMs = this.#clock.now();
    const known = this.#series.get(id);
    if (known && nowMs - known.lastMs < SERIES_MS) {
      known.count += 1;
      known.lastMs = nowMs;
      this.#queue(known);
      return;
    }
    if (!this.#bucket(`${resource.kind}/${namespace ?? ''}/${name}`).tryTake(nowMs)) {
      this.#dropped += 1;
      return;
    }
    // A name that no other process makes, and that is legal for every object's name.
    this.#made += 1;
    const hash = createHash('sha256')
      .update(`${this.#o.instance}\n${nowMs}\n${this.#made}\n${id}`)
      .digest('hex')
      .slice(0, 16);
    const target = namespace ?? 'default';
    const series: Series = {
      name: `${name.slice(0, 230)}.${hash}`,
      namespace: target,
      count: 1,
      lastMs: nowMs,
      queued: false,
      written: false,
      body: {
        metadata: { name: `${name.slice(0, 230)}.${hash}`, namespace: target },
        eventTime: microTime(nowMs),
        reportingController: this.#o.controller,
        reportingInstance: this.#o.instance.slice(0, 128),
        action: event.action,
        reason: event.reason,
        note: event.note.slice(0, 1024),
        type: event.type,
        regarding: { apiVersion: apiVersionOf(resource), kind: resource.kind, namespace, name, uid, resourceVersion },
      },
    };
    this.#series.delete(id);
    this.#series.set(id, series);
    if (this.#series.size > MAX_SERIES)
      for (const oldest of [...this.#series.keys()].slice(0, MAX_SERIES / 10)) this.#series.delete(oldest);
    this.#queue(series);
  }

  /** Writes what is recorded until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake?.();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      const series = this.#pending.shift();
      if (series === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      series.queued = false;
      try {
        await this.#write(series, signal);
      } catch (error) {
        this.#o.log.debug({ err: error instanceof Error ? error.message : String(error) }, 'event not written');
        await sleep(this.#clock, 250, signal);
      }
    }
  }

  async #write(series: Series, signal: AbortSignal): Promise<void> {
    const call = { signal, timeoutMs: 5_000 };
    if (!series.written) {
      await this.#o.client.create(events, series.body, call);
      series.written = true;
      return;
    }
    const body = { series: { count: series.count, lastObservedTime: microTime(series.lastMs) } };
    await this.#o.client.patch(
      events,
      { namespace: series.namespace, name: series.name },
      { ...call, type: 'merge', body },
    );
  }

  #queue(series: Series): void {
    if (series.queued) return;
    if (this.#pending.length >= (this.#o.maxPending ?? 256)) {
      this.#dropped += 1;
      return;
    }
    series.queued = true;
    this.#pending.push(series);
    this.#wake?.();
  }

  #bucket(object: string): TokenBucket {
    const bucket = this.#buckets.get(object) ?? new TokenBucket(PER_OBJECT);
    // Least recently used first: a quiet object's bucket is full again anyway.
    this.#buckets.delete(object);
    this.#buckets.set(object, bucket);
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= MAX_SERIES) break;
      this.#buckets.delete(oldest);
    }
    return bucket;
  }
}

const microTime = (nowMs: number): string => new Date(nowMs).toISOString().replace(/Z$/, '000Z');
