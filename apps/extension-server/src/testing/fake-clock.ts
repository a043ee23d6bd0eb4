import type { Clock } from '../mesh/mesh-state.ts';

/** A clock that moves only when it is told to. */
export class FakeClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  at(atMs: number, callback: () => void): () => void {
    const timer = { atMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers].filter((t) => t.atMs <= this.#now)) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}
