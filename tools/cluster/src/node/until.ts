import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;

export interface UntilOptions {
  /** What is waited for: the error says that it did not come. */
  readonly what: string;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until `probe` says true; what it throws means "not yet".
 * @throws Error that names `what` and the last error, when the deadline passes; the signal's reason when that aborts
 */
export async function until(probe: () => Promise<boolean>, { what, deadlineMs, signal }: UntilOptions): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    signal?.throwIfAborted();
    let why = '';
    try {
      if (await probe()) return;
    } catch (error) {
      why = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs / 1000} s${why}`);
    await delay(pollMs, undefined, { signal });
  }
}
