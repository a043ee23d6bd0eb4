import { Backoff } from './backoff.ts';
import { sleep, systemClock, type Clock } from './clock.ts';
import { isGone, isNotFound, KubeError } from './kube-error.ts';
import type { KubeClient } from './kube-client.ts';
import type { Log } from './log.ts';
import type { KubeObject, Resource } from './resource.ts';
import type { StoreWriter } from './store.ts';

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  /** Undefined: all. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  /**
   * The kind may not be served, as its definition is another project's. While it is not (404), there are no objects of
   * it: the store counts as synced, and the server is asked again every 30 s to a minute.
   */
  readonly optional?: boolean | undefined;
  readonly log: Log;
  /** What is kept of an object. Must keep `metadata` but for what nobody reads. */
  readonly transform?: (object: T) => T;
  readonly pageSize?: number;
  /** A watch that says nothing for so long, not even a bookmark, is taken for dead and resumed. */
  readonly idleMs?: number;
  readonly onEvent?: (event: 'list' | 'watch' | 'relist' | 'idle' | 'absent' | 'error') => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Bookmarks come about once a minute. */
const DEFAULT_IDLE_MS = 150_000;
/** How soon a definition that is installed later is noticed. */
const ABSENT_MS = 60_000;
/** A server ends a watch by itself after 5 to 10 minutes, so that watches spread over its replicas. */
const WATCH_MIN_SECONDS = 300;

/**
 * Keeps a store equal to the API server's objects of one kind: a paginated list, then a watch from its
 * resourceVersion. After a disconnect the watch resumes where it was; only when that version is gone (410) is
 * everything listed anew. Never gives up: errors are logged and retried with jittered backoff (at most 30 s).
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #store: StoreWriter<T>;
  readonly #clock: Clock;
  readonly #random: () => number;
  #served: boolean | undefined;

  constructor(options: ReflectorOptions<T>, store: StoreWriter<T>) {
    this.#options = options;
    this.#store = store;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Whether the server has the kind; undefined: not known yet. */
  get served(): boolean | undefined {
    return this.#served;
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, resource, onEvent } = this.#options;
    const backoff = new Backoff({ baseMs: 250, maxMs: 10_000, random: this.#random });
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        if (version === undefined) {
          version = await this.#list(signal);
          this.#served = true;
          backoff.reset();
        }
        const started = this.#clock.elapsed();
        onEvent?.('watch');
        const watched = await this.#watch(version, signal);
        version = watched.version;
        // A watch that ends at once and without an event, again and again, would be a busy loop.
        if (watched.events > 0 || this.#clock.elapsed() - started > 1000) backoff.reset();
        else await sleep(this.#clock, backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof WatchBroken) {
          version = error.version;
          if (error.events > 0) backoff.reset();
        }
        const cause = error instanceof WatchBroken ? error.cause : error;
        if (isGone(cause)) {
          log.info({ kind: resource.kind, resourceVersion: version }, 'watch is too old, listing anew');
          onEvent?.('relist');
          version = undefined;
          backoff.reset(); // the server answers, though it was away before
        } else if (this.#options.optional === true && isNotFound(cause)) {
          version = undefined;
          this.#absent();
          await sleep(this.#clock, (ABSENT_MS / 2) * (1 + this.#random()), signal);
          continue;
        } else {
          const text = cause instanceof Error ? cause.message : String(cause);
          const routine = cause instanceof KubeError && cause.status === 0 && version !== undefined;
          log[routine ? 'info' : 'warn'](
            { kind: resource.kind, err: text },
            version === undefined ? 'list failed' : 'watch broke off',
          );
          onEvent?.('error');
        }
        await sleep(this.#clock, backoff.next(), signal);
      }
    }
  }

  #absent(): void {
    const { log, resource, onEvent } = this.#options;
    if (this.#served !== false) log.info({ kind: resource.kind }, 'the kind is not served: asking again every minute');
    this.#served = false;
    onEvent?.('absent');
    this.#store.replace([], '');
  }

  async #list(signal: AbortSignal): Promise<string> {
    this.#options.onEvent?.('list');
    try {
      return await this.#pages(signal, this.#options.pageSize ?? 500);
    } catch (error) {
      // The continue token expired while paging: all in one answer is the only consistent list left.
      if (!isGone(error)) throw error;
      this.#options.onEvent?.('relist');
      return await this.#pages(signal, undefined);
    }
  }

  async #pages(signal: AbortSignal, limit: number | undefined): Promise<string> {
    const { client, resource, namespace, labelSelector, transform } = this.#options;
    const objects: T[] = [];
    let token: string | undefined;
    for (;;) {
      const page = await client.list(resource, { namespace, labelSelector, limit, continue: token, signal });
      for (const item of page.items) objects.push(transform ? transform(item) : item);
      token = page.continue;
      if (token === undefined) {
        this.#store.replace(objects, page.resourceVersion);
        return page.resourceVersion;
      }
    }
  }

  async #watch(from: string, signal: AbortSignal): Promise<{ version: string; events: number }> {
    const { client, resource, namespace, labelSelector, transform, onEvent } = this.#options;
    const idleMs = this.#options.idleMs ?? DEFAULT_IDLE_MS;
    const stop = new AbortController();
    let version = from;
    let events = 0;
    let idle = false;
    const rest = (): (() => void) =>
      this.#clock.after(idleMs, () => {
        idle = true;
        onEvent?.('idle');
        stop.abort();
      });
    let cancel = rest();
    try {
      const stream = client.watch(resource, {
        namespace,
        labelSelector,
        resourceVersion: version,
        timeoutSeconds: Math.round(WATCH_MIN_SECONDS * (1 + this.#random())),
        signal: AbortSignal.any([signal, stop.signal]),
      });
      for await (const event of stream) {
        cancel();
        cancel = rest();
        events += 1;
        const object = event.type === 'BOOKMARK' || !transform ? event.object : transform(event.object);
        if (event.type === 'DELETED') this.#store.remove(object);
        else if (event.type !== 'BOOKMARK') this.#store.put(object);
        const seen = object.metadata.resourceVersion;
        if (seen !== undefined) {
          version = seen;
          this.#store.bookmark(seen);
        }
      }
      return { version, events };
    } catch (error) {
      if (idle) return { version, events: Math.max(events, 1) };
      throw new WatchBroken(version, events, error);
    } finally {
      cancel();
    }
  }
}

/** Carries how far a watch had come. */
class WatchBroken extends Error {
  readonly version: string;
  readonly events: number;

  constructor(version: string, events: number, cause: unknown) {
    super('watch broke off', { cause });
    this.version = version;
    this.events = events;
  }
}
