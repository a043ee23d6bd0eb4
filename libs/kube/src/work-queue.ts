import { systemClock, type Clock } from './clock.ts';
import { defaultRateLimiter, type RateLimiter } from './rate-limiter.ts';

/** Durations in seconds, as Prometheus wants them. */
export interface WorkQueueMetrics {
  added(): void;
  depth(depth: number): void;
  waited(seconds: number): void;
  worked(seconds: number): void;
  retried(): void;
}

export interface WorkQueueOptions {
  readonly rateLimiter?: RateLimiter;
  readonly metrics?: WorkQueueMetrics;
  readonly clock?: Clock;
}

/**
 * Keys to be worked on. A key waits at most once however often it is added; no two workers have it at the same time;
 * added while it is worked on, it comes again afterwards. First in, first out.
 */
export class WorkQueue {
  readonly #limiter: RateLimiter;
  readonly #metrics: WorkQueueMetrics | undefined;
  readonly #clock: Clock;
  /** Waiting for a worker, with the time of the adding. A Map keeps its order. */
  readonly #ready = new Map<string, number>();
  /** With a worker, with the time of the start. */
  readonly #working = new Map<string, number>();
  /** Added again while with a worker. */
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { atMs: number; cancel: () => void }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #drainers: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#limiter = options.rateLimiter ?? defaultRateLimiter();
    this.#metrics = options.metrics;
    this.#clock = options.clock ?? systemClock;
  }

  /** Keys that wait for a worker. */
  get length(): number {
    return this.#ready.size;
  }

  /** No effect after `shutDown`. */
  add(key: string): void {
    if (this.#closed) return;
    if (this.#working.has(key)) {
      if (!this.#dirty.has(key)) this.#metrics?.added();
      this.#dirty.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#metrics?.added();
    this.#offer(key);
  }

  /** Adds the key after `ms`; an earlier appointment of the same key stands. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#clock.elapsed() + ms;
    const known = this.#delayed.get(key);
    if (known && known.atMs <= atMs) return;
    known?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { atMs, cancel });
  }

  /** Adds the key after its backoff, and counts a failure. */
  addRateLimited(key: string): void {
    this.#metrics?.retried();
    this.addAfter(key, this.#limiter.delayMs(key, this.#clock.elapsed()));
  }

  /** The key did well: its next failure starts at the shortest backoff. */
  forget(key: string): void {
    this.#limiter.forget(key);
  }

  failures(key: string): number {
    return this.#limiter.failures(key);
  }

  /** The next key, which stays the caller's until `done`; undefined: shut down, and nothing is left. */
  take(): Promise<string | undefined> {
    const next = this.#ready.keys().next();
    if (!next.done) {
      this.#start(next.value);
      return Promise.resolve(next.value);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    const started = this.#working.get(key);
    if (started === undefined) return;
    this.#working.delete(key);
    this.#metrics?.worked((this.#clock.elapsed() - started) / 1000);
    if (this.#dirty.delete(key) && !this.#closed) this.#offer(key);
    if (this.#working.size === 0 && this.#ready.size === 0) for (const drained of this.#drainers.splice(0)) drained();
  }

  /** Takes no more keys; resolves once every key that waited or was worked on is done. Delayed keys are dropped. */
  shutDown(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
    if (this.#working.size === 0 && this.#ready.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drainers.push(resolve));
  }

  /** Drops what waits; what is being worked on goes on. */
  clear(): void {
    this.#ready.clear();
    this.#dirty.clear();
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#metrics?.depth(0);
    if (this.#working.size === 0) for (const drained of this.#drainers.splice(0)) drained();
  }

  /** Seconds of the work in progress: all together, and the longest. */
  unfinished(): { totalSeconds: number; longestSeconds: number } {
    const now = this.#clock.elapsed();
    let total = 0;
    let longest = 0;
    for (const started of this.#working.values()) {
      total += now - started;
      longest = Math.max(longest, now - started);
    }
    return { totalSeconds: total / 1000, longestSeconds: longest / 1000 };
  }

  #offer(key: string): void {
    this.#ready.set(key, this.#clock.elapsed());
    this.#metrics?.depth(this.#ready.size);
    const taker = this.#takers.shift();
    if (taker === undefined) return;
    this.#start(key);
    taker(key);
  }

  #start(key: string): void {
    const added = this.#ready.get(key);
    this.#ready.delete(key);
    const now = this.#clock.elapsed();
    this.#working.set(key, now);
    this.#metrics?.depth(this.#ready.size);
    if (added !== undefined) this.#metrics?.waited((now - added) / 1000);
  }
}
