import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** What is waited for: the error says that it did not come. */
  readonly what: string;
  /** Default 10 s. */
  readonly deadlineMs?: number;
  /** Default 20 ms. */
  readonly everyMs?: number;
}

/**
 * Waits until `probe` gives a value other than undefined or false; what it throws means "not yet".
 * @throws Error that names `what` and the last error, when the deadline passes
 */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { what, deadlineMs = 10_000, everyMs = 20 }: UntilOptions,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`${what}: not within ${deadlineMs / 1000} s${why}`, { cause: last });
    }
    await delay(everyMs);
  }
}
