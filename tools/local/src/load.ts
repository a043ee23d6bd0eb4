import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';

export interface Failure {
  /** Unix ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** `503` or an error's code. */
  readonly what: string;
}

/** What a run of requests showed. */
export interface LoadResult {
  readonly requests: number;
  readonly failures: readonly Failure[];
  /** Answers per backend, by its `x-backend` header; "?" where there was none. */
  readonly byBackend: ReadonlyMap<string, number>;
  /** Of the answers, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadOptions {
  /** `http://host:port` */
  readonly origin: string;
  readonly path: string;
  readonly host?: string | undefined;
  /** Requests in flight at a time. */
  readonly concurrency: number;
  /** Between an answer and the next request in its place. Unset: none. */
  readonly pauseMs?: number;
  readonly onAnswer?: (backend: string, atMs: number) => void;
}

const requestTimeoutMs = 10_000;
/** What refuses at once must not be asked in a busy loop. */
const afterFailureMs = 2;

/** A load generator: keeps `concurrency` requests in flight until it is stopped. */
export class Load {
  readonly #options: LoadOptions;
  readonly #pool: Pool;
  readonly #failures: Failure[] = [];
  readonly #byBackend = new Map<string, number>();
  readonly #latencies: number[] = [];
  #left = 0;
  #open = 0;
  #started = 0;
  #workers: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#pool = new Pool(options.origin, {
      connections: options.concurrency,
      headersTimeout: requestTimeoutMs,
      bodyTimeout: requestTimeoutMs,
      connectTimeout: requestTimeoutMs,
    });
  }

  /** Requests that are in flight right now. */
  get open(): number {
    return this.#open;
  }

  /** Requests that were sent so far. */
  get started(): number {
    return this.#started;
  }

  /** Requests that were answered, well or not, so far. */
  get ended(): number {
    return this.#started - this.#open;
  }

  /** Sends requests until `stop`, or `limit` of them. */
  start(limit = Infinity): this {
    this.#left = limit;
    this.#workers = Array.from({ length: this.#options.concurrency }, () => this.#work());
    return this;
  }

  /** Resolves when the limit given to `start` is reached. */
  async finished(): Promise<LoadResult> {
    await Promise.all(this.#workers);
    await this.#pool.close();
    return this.#result();
  }

  /** Lets what is in flight end, and says what was seen. */
  stop(): Promise<LoadResult> {
    this.#left = 0;
    return this.finished();
  }

  async #work(): Promise<void> {
    while (this.#left > 0) {
      this.#left--;
      await this.#one();
      if (this.#options.pauseMs !== undefined) await delay(this.#options.pauseMs);
    }
  }

  async #one(): Promise<void> {
    const startedAt = Date.now();
    const start = performance.now();
    this.#open++;
    this.#started++;
    try {
      const answer = await this.#pool.request({
        method: 'GET',
        path: this.#options.path,
        headers: this.#options.host === undefined ? {} : { host: this.#options.host },
      });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw Object.assign(new Error(), { code: String(answer.statusCode) });
      const backend = String(answer.headers['x-backend'] ?? '?');
      this.#byBackend.set(backend, (this.#byBackend.get(backend) ?? 0) + 1);
      this.#latencies.push(performance.now() - start);
      this.#options.onAnswer?.(backend, Date.now());
    } catch (error) {
      const what = String((error as { code?: unknown }).code ?? error);
      this.#failures.push({ startedAt, endedAt: Date.now(), what });
      await delay(afterFailureMs);
    } finally {
      this.#open--;
    }
  }

  #result(): LoadResult {
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (q: number) => Math.round((sorted[Math.floor(sorted.length * q)] ?? 0) * 100) / 100;
    return {
      requests: this.#latencies.length + this.#failures.length,
      failures: this.#failures,
      byBackend: this.#byBackend,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }
}
