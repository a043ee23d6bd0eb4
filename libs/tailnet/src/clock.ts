import { setTimeout as delay } from 'node:timers/promises';

/** Time, injected so that tests need not wait. */
export interface Clock {
  /** ms since 1970. */
  now(): number;
  /** Rejects when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, { ref: false, ...(signal ? { signal } : {}) }),
};
