import { TokenBucket } from './token-bucket.ts';

/** How long a failed key waits before it is tried again. */
export interface RateLimiter {
  delayMs(key: string, nowMs: number): number;
  /** How often `delayMs` was asked since the last `forget`. */
  failures(key: string): number;
  forget(key: string): void;
}

export interface RateLimiterOptions {
  readonly baseMs?: number;
  readonly maxMs?: number;
  readonly perSecond?: number;
  readonly burst?: number;
}

/** client-go's default for controllers: per key 5 ms * 2^n up to 1,000 s, and 10 per second (burst 100) over all keys. */
export function defaultRateLimiter(options: RateLimiterOptions = {}): RateLimiter {
  const { baseMs = 5, maxMs = 1_000_000, perSecond = 10, burst = 100 } = options;
  const bucket = new TokenBucket({ perSecond, burst });
  const failures = new Map<string, number>();
  return {
    delayMs(key, nowMs) {
      const n = failures.get(key) ?? 0;
      failures.set(key, n + 1);
      return Math.max(Math.min(maxMs, baseMs * 2 ** Math.min(n, 60)), bucket.reserve(nowMs));
    },
    failures: (key) => failures.get(key) ?? 0,
    forget(key) {
      failures.delete(key);
    },
  };
}
