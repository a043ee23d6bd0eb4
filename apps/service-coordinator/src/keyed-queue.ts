import { CoordinatorError } from './coordinator-error.ts';

/** Runs tasks one at a time per key, in order of arrival. */
export class KeyedQueue {
  private readonly tails = new Map<string, Promise<unknown>>();
  private readonly limit: number;
  private size = 0;

  /** At most `limit` tasks run or wait, over all keys. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Resolves when nothing runs or waits any more. Tasks bound their own time. */
  async idle(): Promise<void> {
    while (this.tails.size > 0) await Promise.all(this.tails.values());
  }

  /**
   * Runs `task` after those of the same key that came before; one whose `signal` aborts while it waits is not run.
   * Throws `overloaded` where the queue is full, `deadline-exceeded` on abort, and what `task` throws.
   */
  async run<T>(key: string, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    if (this.size >= this.limit) {
      throw new CoordinatorError('overloaded', `${this.limit} calls are being worked on, try again later`, {
        retryAfterMs: 1000,
      });
    }
    this.size += 1;
    const before = this.tails.get(key);
    const run = async (): Promise<T> => {
      if (signal.aborted) {
        throw new CoordinatorError(
          'deadline-exceeded',
          'the call ended while it waited for others on the same service',
        );
      }
      return task();
    };
    const result = before === undefined ? run() : before.then(run);
    const tail = result.then(
      () => undefined,
      () => undefined,
    );
    this.tails.set(key, tail);
    try {
      return await result;
    } finally {
      this.size -= 1;
      if (this.tails.get(key) === tail) this.tails.delete(key);
    }
  }
}
