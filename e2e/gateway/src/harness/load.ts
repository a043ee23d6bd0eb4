import { setTimeout as delay } from 'node:timers/promises';
import { Pool, request } from 'undici';

/** A request that was not answered with 200. Times are Unix ms. */
export interface Failure {
  readonly startedAt: number;
  readonly endedAt: number;
  /** `503`, or an error's code; `NOT_SENT`: more requests than allowed were waiting for their answers. */
  readonly what: string;
}

/** What a run of requests showed. */
export interface LoadResult {
  readonly requests: number;
  readonly failures: readonly Failure[];
  /** Answers with 200 by backend, by its `x-backend` header; "?" where there was none. */
  readonly byBackend: ReadonlyMap<string, number>;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadTarget {
  /** `http://host:port` */
  readonly origin: string;
  readonly path?: string;
  /** The Host header. */
  readonly host?: string;
  readonly onAnswer?: (backend: string, atMs: number) => void;
}

const requestTimeoutMs = 10_000;
const maxConnections = 256;
const maxInFlight = 2_000;

/** One request. (`fetch` refuses port 10080, where port 80 is.) */
export async function ask({ origin, path = '/', host }: LoadTarget): Promise<{ status: number; backend: string }> {
  const answer = await request(`${origin}${path}`, {
    headers: host === undefined ? {} : { host },
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
  });
  await answer.body.dump();
  return { status: answer.statusCode, backend: String(answer.headers['x-backend'] ?? '?') };
}

/** Sends `requests` requests, `concurrency` at a time. */
export async function fire(
  target: LoadTarget,
  { requests, concurrency = 32 }: { requests: number; concurrency?: number },
): Promise<LoadResult> {
  const sender = new Sender(target, concurrency);
  let left = requests;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left-- > 0) await sender.send();
    }),
  );
  return sender.close();
}

/**
 * A steady load: so many requests a second, whether answers come or not, as users do. (A closed loop would send less
 * just when things go wrong.)
 */
export class SteadyLoad {
  readonly #sender: Sender;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;

  /** Starts at once. */
  constructor(target: LoadTarget, { perSecond }: { perSecond: number }) {
    this.#sender = new Sender(target, maxConnections);
    this.#loop = this.#run(perSecond);
  }

  /** Lets what is in flight end, and says what was seen. */
  async stop(): Promise<LoadResult> {
    this.#stopped.abort();
    await this.#loop;
    return this.#sender.close();
  }

  async #run(perSecond: number): Promise<void> {
    const start = performance.now();
    const open = new Set<Promise<void>>();
    for (let sent = 0; !this.#stopped.signal.aborted;) {
      const due = Math.floor(((performance.now() - start) / 1000) * perSecond);
      for (; sent < due; sent++) {
        if (open.size >= maxInFlight) {
          this.#sender.notSent();
          continue;
        }
        const request = this.#sender.send();
        open.add(request);
        void request.finally(() => open.delete(request));
      }
      await delay(1);
    }
    await Promise.all(open);
  }
}

class Sender {
  readonly #target: LoadTarget;
  readonly #pool: Pool;
  readonly #failures: Failure[] = [];
  readonly #byBackend = new Map<string, number>();
  readonly #latencies: number[] = [];

  constructor(target: LoadTarget, connections: number) {
    this.#target = target;
    this.#pool = new Pool(target.origin, {
      connections,
      headersTimeout: requestTimeoutMs,
      bodyTimeout: requestTimeoutMs,
      connectTimeout: requestTimeoutMs,
    });
  }

  /** Never rejects. */
  async send(): Promise<void> {
    const startedAt = Date.now();
    const start = performance.now();
    try {
      const answer = await this.#pool.request({
        method: 'GET',
        path: this.#target.path ?? '/',
        headers: this.#target.host === undefined ? {} : { host: this.#target.host },
      });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw Object.assign(new Error(), { code: String(answer.statusCode) });
      const backend = String(answer.headers['x-backend'] ?? '?');
      this.#byBackend.set(backend, (this.#byBackend.get(backend) ?? 0) + 1);
      this.#latencies.push(performance.now() - start);
      this.#target.onAnswer?.(backend, Date.now());
    } catch (error) {
      const what = String((error as { code?: unknown }).code ?? error);
      this.#failures.push({ startedAt, endedAt: Date.now(), what });
    }
  }

  notSent(): void {
    const now = Date.now();
    this.#failures.push({ startedAt: now, endedAt: now, what: 'NOT_SENT' });
  }

  async close(): Promise<LoadResult> {
    await this.#pool.close();
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
