import type { Clock } from './mesh-state.ts';

/** A checker that is restarted or replaced is back, or out of the model, within this time. */
const graceMs = 15_000;

/**
 * Whether what this replica knows of the machines' health can be trusted: not if a checker that the model names has
 * been away from it for more than 15 s, as another replica may still hear from that one.
 */
export class HealthFreshness {
  readonly #clock: Clock;
  readonly #onChange: (fresh: boolean) => void;
  #fresh = true;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, onChange: (fresh: boolean) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get fresh(): boolean {
    return this.#fresh;
  }

  /** How many of the checkers that the model names are connected. */
  set(connected: number, all: number): void {
    if (connected >= all) {
      this.close();
      this.#tell(true);
      return;
    }
    this.#cancelTimer ??= this.#clock.at(this.#clock.now() + graceMs, () => this.#tell(false));
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #tell(fresh: boolean): void {
    if (this.#fresh === fresh) return;
    this.#fresh = fresh;
    this.#onChange(fresh);
  }
}
