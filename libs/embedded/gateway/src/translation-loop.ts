import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '@tsgateway/kube';
import type { Snapshot } from './snapshot.ts';
import { checkSnapshot } from './snapshot.ts';
import type { Statuses } from './status.ts';
import { notProgrammed } from './status.ts';
import type { Translation } from './translate.ts';

export interface TranslationLoopOptions {
  /** The translation of what the API server has now; undefined: not all of it is known yet. */
  readonly translate: () => Translation | undefined;
  readonly hooks: { apply(t: Translation, signal: AbortSignal): Promise<Snapshot> };
  /** Brings a snapshot into effect. */
  readonly publish: (snapshot: Snapshot, t: Translation) => Promise<void>;
  readonly report: (statuses: Statuses) => void;
  readonly log: Log;
  readonly random: () => number;
}

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;

/**
 * Translates whenever something changed, one translation at a time, always the newest state. A hook that fails, or a snapshot that
 * cannot be served, leaves the last good one in place. Envoy Gateway then waits for the next change; here it is tried again.
 */
export class TranslationLoop {
  readonly #options: TranslationLoopOptions;
  readonly #served = Promise.withResolvers<undefined>();
  #triggered = Promise.withResolvers<undefined>();
  #serving = false;

  constructor(options: TranslationLoopOptions) {
    this.#options = options;
    // Nobody may be waiting.
    this.#served.promise.catch(() => undefined);
  }

  /** Something may have changed. */
  trigger(): void {
    this.#triggered.resolve(undefined);
  }

  /**
   * Resolves when a translation is in effect (one without any listener counts). Rejects when the data plane cannot serve the first
   * one, or the loop ends before.
   */
  get served(): Promise<void> {
    return this.#served.promise;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (let failures = 0; !signal.aborted;) {
      await Promise.race([this.#triggered.promise, aborted]);
      if (signal.aborted) break;
      this.#triggered = Promise.withResolvers<undefined>();
      const translation = this.#options.translate();
      if (!translation) continue;
      try {
        await this.#serve(translation, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        const wait = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++) * (0.5 + this.#options.random() / 2);
        this.#failed(translation, error, wait);
        await Promise.race([this.#triggered.promise, delay(wait, undefined, { signal }).catch(() => undefined)]);
        this.trigger();
      }
    }
    this.#served.reject(new Error('the gateway was closed'));
  }

  async #serve(translation: Translation, signal: AbortSignal): Promise<void> {
    if (translation.gateway !== undefined || this.#serving) {
      const snapshot = await this.#options.hooks.apply(translation, signal);
      checkSnapshot(snapshot);
      await this.#publish(snapshot, translation);
      this.#serving = true;
      this.#options.log.info(
        { clusters: snapshot.clusters.length, listeners: snapshot.listeners.length },
        'configuration in effect',
      );
    }
    this.#options.report(translation.statuses);
    this.#served.resolve(undefined);
  }

  async #publish(snapshot: Snapshot, translation: Translation): Promise<void> {
    try {
      await this.#options.publish(snapshot, translation);
    } catch (error) {
      // A port that is taken, an Envoy that does not start: who waits for the first snapshot should know.
      if (!this.#serving) this.#served.reject(error);
      throw error;
    }
  }

  #failed(translation: Translation, error: unknown, retryInMs: number): void {
    const message = error instanceof Error ? error.message : String(error);
    const { log, report } = this.#options;
    log.error({ error: message, retryInMs: Math.round(retryInMs) }, 'the last good configuration stays');
    // As with Envoy Gateway, statuses tell of the resources, not of the newest snapshot; but one thing must have been served.
    report(this.#serving ? translation.statuses : notProgrammed(translation.statuses, message));
  }
}
