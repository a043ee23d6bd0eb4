import type { Clock } from '@tsgateway/tailnet';

/** Something to look after in the background, until it is replaced or dropped. */
export interface Watched {
  /** A later one with the same key replaces it. */
  key: string;
  /** Looks, and repairs. Throws where it could not. */
  verify: (signal: AbortSignal) => Promise<void>;
  /** Also look every few minutes; else only right after the change. */
  lasting: boolean;
}

export interface VerifierOptions {
  clock: Clock;
  random: () => number;
  /** When to look after a change, in ms after the look before. */
  delaysMs: readonly number[];
  /** After that, again and again within this range, in ms. */
  periodMs: readonly [number, number];
  /** What nobody has asked for again for this long is no longer looked after, in ms. */
  forgetMs: number;
  /** Of one look, in ms. */
  timeoutMs: number;
  onError: (key: string, error: unknown) => void;
}

/** Bound on what is watched. Beyond it the oldest goes: whoever wants it asks again. */
const MAX_WATCHED = 20_000;

/**
 * Looks again at what was written, as a tailnet's API may lose a write to another writer: soon, a little later, and
 * then every few minutes, each time with jitter so that two writers do not stay in step.
 */
export class Verifier {
  private readonly options: VerifierOptions;
  private readonly watched = new Map<string, Watch>();

  constructor(options: VerifierOptions) {
    this.options = options;
  }

  /** How many are looked after. */
  get size(): number {
    return this.watched.size;
  }

  /** Looks after something that has just changed. */
  watch(item: Watched): void {
    this.drop(item.key);
    for (const oldest of this.watched.keys()) {
      if (this.watched.size < MAX_WATCHED) break;
      this.drop(oldest);
    }
    const watch: Watch = {
      item,
      until: this.options.clock.now() + this.options.forgetMs,
      ended: new AbortController(),
    };
    this.watched.set(item.key, watch);
    void this.follow(watch);
  }

  /** Goes on looking after something that was asked for again and has not changed. */
  renew(item: Watched): void {
    const known = this.watched.get(item.key);
    if (!known) return this.watch(item);
    known.item = item;
    known.until = this.options.clock.now() + this.options.forgetMs;
  }

  drop(key: string): void {
    this.watched.get(key)?.ended.abort();
    this.watched.delete(key);
  }

  /** Drops everything: this process is no longer in charge. */
  clear(): void {
    for (const key of [...this.watched.keys()]) this.drop(key);
  }

  private async follow(watch: Watch): Promise<void> {
    const { clock, delaysMs, periodMs, random } = this.options;
    for (const delay of delaysMs) await this.look(watch, delay * (0.75 + random() / 2));
    while (watch.item.lasting && !watch.ended.signal.aborted && clock.now() < watch.until) {
      await this.look(watch, periodMs[0] + random() * (periodMs[1] - periodMs[0]));
    }
    const { key } = watch.item;
    if (this.watched.get(key) === watch) this.watched.delete(key);
  }

  private async look(watch: Watch, afterMs: number): Promise<void> {
    const { signal } = watch.ended;
    try {
      await this.options.clock.sleep(afterMs, signal);
    } catch {
      return;
    }
    try {
      await watch.item.verify(AbortSignal.any([signal, AbortSignal.timeout(this.options.timeoutMs)]));
    } catch (error) {
      if (!signal.aborted) this.options.onError(watch.item.key, error);
    }
  }
}

interface Watch {
  item: Watched;
  /** ms since 1970. */
  until: number;
  readonly ended: AbortController;
}
