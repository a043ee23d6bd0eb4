/** Waiting times that double from `minMs` to `maxMs`, each drawn from the upper half of its range. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(options: { minMs: number; maxMs: number }) {
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
    this.#nextMs = options.minMs;
  }

  /** How long to wait now, in ms. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(ms * 2, this.#maxMs);
    return ms * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#nextMs = this.#minMs;
  }
}
