import { until } from '../condition.ts';
import { settleDeadlineMs } from './step.ts';

export interface RecentAnswersOptions {
  readonly signal: AbortSignal;
  /** Unix ms; for specs. */
  readonly now?: () => number;
}

export interface ServedOptions {
  /** What is waited for: the error says that it did not come. */
  readonly what: string;
  readonly deadlineMs?: number;
}

/** How long exactly the members of a set must have answered. */
const windowMs = 250;

/** Who answered of late. A set of machines "serves" when, for a while, exactly its members have answered. */
export class RecentAnswers {
  readonly #signal: AbortSignal;
  readonly #now: () => number;
  readonly #lastSeen = new Map<string, number>();
  readonly #firstSeen = new Map<string, number>();

  constructor({ signal, now = Date.now }: RecentAnswersOptions) {
    this.#signal = signal;
    this.#now = now;
  }

  readonly add = (backend: string, atMs: number): void => {
    this.#lastSeen.set(backend, atMs);
    if (!this.#firstSeen.has(backend)) this.#firstSeen.set(backend, atMs);
  };

  /** Unix ms of the first answer that any of them gave. */
  firstOf(machines: ReadonlySet<string>): number | undefined {
    const times = [...machines].flatMap((m) => this.#firstSeen.get(m) ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /**
   * Waits until the set serves.
   * @returns Unix ms of the switch: of the last answer by somebody else since the call, else of the last member's first.
   */
  async untilServedBy(machines: ReadonlySet<string>, options: ServedOptions): Promise<number> {
    if (machines.size === 0) throw new RangeError(`${options.what}: nobody would be waited for`);
    const startedAt = this.#now();
    const firstAfter = new Map<string, number>();
    await until(
      () => {
        const now = this.#now();
        const fresh = [...this.#lastSeen].filter(([, at]) => at > now - windowMs && at >= startedAt);
        for (const [m, at] of fresh) if (!firstAfter.has(m)) firstAfter.set(m, at);
        const names = new Set(fresh.map(([m]) => m));
        return now - startedAt > windowMs && names.size === machines.size && [...names].every((m) => machines.has(m));
      },
      { what: options.what, deadlineMs: options.deadlineMs ?? settleDeadlineMs, everyMs: 2, signal: this.#signal },
    );
    const strangers = [...this.#lastSeen].filter(([m, at]) => !machines.has(m) && at >= startedAt).map(([, at]) => at);
    const members = [...machines].flatMap((m) => firstAfter.get(m) ?? []);
    return Math.max(...(strangers.length > 0 ? strangers : members), startedAt);
  }
}
