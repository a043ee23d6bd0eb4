export interface LaneOptions {
  /** How many tasks may hold a place at a time; the others wait in the order in which they came. */
  readonly width: number;
  /** After this long a task loses its place, though not its life; unset: never. */
  readonly patienceMs?: number;
}

/** Runs tasks side by side, but not all at once. With patience, tasks that hang hold up the others for that long only. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting: (() => void)[] = [];
  #held = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    // Whoever leaves hands its place over, so that nobody slips in between.
    if (this.#held >= this.#options.width) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#held++;
    let holds = true;
    const leave = () => {
      if (!holds) return;
      holds = false;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#held--;
    };
    const { patienceMs } = this.#options;
    const timer = patienceMs === undefined ? undefined : setTimeout(leave, patienceMs);
    try {
      return await task();
    } finally {
      clearTimeout(timer);
      leave();
    }
  }
}
