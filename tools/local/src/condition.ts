import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** What is waited for: the error says that it did not come. */
  readonly what: string;
  readonly deadlineMs: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits until `probe` gives a value other than undefined or false.
 * @throws Error that names `what` and the last error, when the deadline passes.
 */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const end = performance.now() + options.deadlineMs;
  let last: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const why = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`${options.what}: not within ${options.deadlineMs / 1000} s${why}`, { cause: last });
    }
    await delay(options.everyMs ?? 25, undefined, { signal: options.signal });
  }
}
