/** Exponential delays with full jitter over their upper half. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** 0 <= x < 1. */
  readonly random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The delay before the next attempt, in ms: between a half and the whole of base * 2^failures, at most `maxMs`. */
  next(): number {
    const { baseMs, maxMs, random } = this.#options;
    const whole = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return whole / 2 + (whole / 2) * random();
  }

  reset(): void {
    this.#failures = 0;
  }
}
