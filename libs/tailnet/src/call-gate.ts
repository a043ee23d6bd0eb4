import type { Clock } from './clock.ts';
import { TailnetError } from './tailnet-error.ts';

export interface CallGateOptions {
  /** Calls per second, over time. */
  rate: number;
  /** Calls that may go at once after a rest. */
  burst: number;
  clock: Clock;
}

/** The longest that one answer can hold up a tailnet, in ms, whatever its Retry-After says. */
const MAX_PAUSE_MS = 300_000;

/**
 * What every call to one tailnet passes: a token bucket, and the pause that a 429 asks for. A limit is the tailnet's,
 * not a call's, so that one 429 holds back everyone.
 */
export class CallGate {
  private readonly options: CallGateOptions;
  /** When the bucket is full again: callers take turns by pushing it on. */
  private fullAt: number;
  private pausedUntil = 0;

  constructor(options: CallGateOptions) {
    this.options = options;
    this.fullAt = options.clock.now();
  }

  /**
   * Waits for this call's turn, at most until `deadline` (ms since 1970).
   * Throws `rate-limited` at once where the turn comes later than that, without taking it.
   */
  async pass(deadline: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const { clock, rate, burst } = this.options;
      const now = clock.now();
      const perCall = 1000 / rate;
      const fullAt = Math.max(this.fullAt, now) + perCall;
      const turn = Math.max(fullAt - burst * perCall, now);
      if (turn > deadline) {
        throw new TailnetError('rate-limited', `the tailnet's rate limit leaves no turn before the deadline`, {
          status: 429,
          retryAfterMs: turn - now,
          refused: true,
        });
      }
      this.fullAt = fullAt;
      if (turn > now) await clock.sleep(turn - now, signal);
      // A 429 that came in meanwhile holds this call back as well.
      if (this.pausedUntil <= clock.now()) return;
      this.fullAt -= perCall;
    }
  }

  /** Holds back all calls for `ms`. After that they go one by one: the bucket is empty, so nobody rushes in. */
  pause(ms: number): void {
    const { clock, rate, burst } = this.options;
    this.pausedUntil = Math.max(this.pausedUntil, clock.now() + Math.min(ms, MAX_PAUSE_MS));
    this.fullAt = Math.max(this.fullAt, this.pausedUntil + ((burst - 1) * 1000) / rate);
  }
}

/** A Retry-After header in ms: seconds, or an HTTP date. Undefined where it is neither. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  if (header.trim() !== '' && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
