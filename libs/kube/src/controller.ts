import { systemClock, type Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { WorkQueue } from './work-queue.ts';

/** An error that a repetition cannot cure: the key waits for the next event. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

export interface ReconcileResult {
  /** Look again after so long, although nothing happened. */
  readonly requeueAfterMs?: number | undefined;
}

/** Makes the world fit the object that `key` names, from whatever state it is in. Throws: it is repeated with backoff. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult | undefined>;

export interface ControllerMetrics {
  active(workers: number): void;
  reconciled(result: 'success' | 'error' | 'requeue_after', seconds: number): void;
  errored(kind: 'error' | 'terminal'): void;
}

export interface ControllerOptions {
  /** Lower case, the kind: the label `controller`. */
  readonly name: string;
  readonly queue: WorkQueue;
  readonly reconcile: Reconcile;
  readonly maxConcurrentReconciles?: number;
  /** One reconcile's time; its signal aborts then. */
  readonly timeoutMs?: number;
  /** False: keys are left unworked until it is true again (a leader that may have been replaced). */
  readonly mayWork?: () => boolean;
  readonly log: Log;
  readonly metrics?: ControllerMetrics;
  readonly clock?: Clock;
}

/**
 * Workers over one queue. A key that fails comes back with its own growing delay and holds up no other key.
 */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  #active = 0;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Works until the queue is shut down and empty; the signal aborts what is being worked on. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const workers = Math.max(1, this.#options.maxConcurrentReconciles ?? 1);
    this.#options.log.info({ controller: this.name, workers }, 'Starting workers');
    await Promise.all(Array.from({ length: workers }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { queue, mayWork } = this.#options;
    for (;;) {
      const key = await queue.take();
      if (key === undefined) return;
      try {
        if (!signal.aborted && (mayWork?.() ?? true)) await this.#one(key, signal);
      } finally {
        queue.done(key);
      }
    }
  }

  async #one(key: string, signal: AbortSignal): Promise<void> {
    const { name, queue, reconcile, log, metrics, timeoutMs = 120_000 } = this.#options;
    const started = this.#clock.elapsed();
    const seconds = (): number => (this.#clock.elapsed() - started) / 1000;
    const deadline = new AbortController();
    const cancel = this.#clock.after(timeoutMs, () => {
      deadline.abort(new DOMException(`reconcile took more than ${timeoutMs} ms`, 'TimeoutError'));
    });
    metrics?.active((this.#active += 1));
    try {
      const result = await reconcile(key, AbortSignal.any([signal, deadline.signal]));
      queue.forget(key);
      if (result?.requeueAfterMs === undefined) {
        metrics?.reconciled('success', seconds());
      } else {
        queue.addAfter(key, result.requeueAfterMs);
        metrics?.reconciled('requeue_after', seconds());
      }
    } catch (error) {
      if (signal.aborted) return;
      const terminal = error instanceof TerminalError;
      const err = error instanceof Error ? error.message : String(error);
      metrics?.reconciled('error', seconds());
      metrics?.errored(terminal ? 'terminal' : 'error');
      log.error(
        { controller: name, object: key, terminal, err, stack: error instanceof Error ? error.stack : undefined },
        'Reconciler error: reconcile failed',
      );
      if (terminal) queue.forget(key);
      else queue.addRateLimited(key);
    } finally {
      cancel();
      metrics?.active((this.#active -= 1));
    }
  }
}
