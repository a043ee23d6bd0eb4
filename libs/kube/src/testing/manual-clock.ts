import type { Clock } from '../clock.ts';

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #ms = 0;
  #timers: { atMs: number; fn: () => void }[] = [];

  now(): number {
    return 1_700_000_000_000 + this.#ms;
  }

  elapsed(): number {
    return this.#ms;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { atMs: this.#ms + Math.max(0, ms), fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }

  /** Fires what is due, in order, and lets promises settle between. */
  async advance(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await settle();
      const next = this.#timers.filter((t) => t.atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#ms = Math.max(this.#ms, next.atMs);
      next.fn();
    }
    this.#ms = end;
    await settle();
  }

  /** Time passes and no timer gets to run: a process that was suspended. */
  jump(ms: number): void {
    this.#ms += ms;
  }
}

/** Lets everything run that waits for nothing but promises. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
