import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Logger } from '@tsgateway/process';

export interface NameResolverOptions {
  /** Names whose addresses are different now. */
  readonly onChange: (names: ReadonlySet<string>) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** All addresses of a name. Default: the system's resolver, so that the hosts file counts. */
  readonly resolve?: (name: string) => Promise<string[]>;
  readonly everyMs?: number;
}

const defaultEveryMs = 30_000;
const retryMs = 2000;

/**
 * Addresses of the DNS names among the machines: Envoy refuses a name in EDS, and the whole assignment with it. Names
 * are looked up in the background; what was found last stays while the resolver fails.
 */
export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #found = new Map<string, string[]>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(options: NameResolverOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.set([]));
  }

  /** Keeps these hosts resolved from now on, and no others; IP addresses need nothing. */
  set(hosts: Iterable<string>): void {
    const wanted = new Set([...hosts].filter((h) => isIP(h) === 0));
    for (const [name, timer] of this.#timers) {
      if (wanted.has(name)) continue;
      clearTimeout(timer);
      this.#timers.delete(name);
      this.#found.delete(name);
    }
    for (const name of wanted) {
      if (!this.#timers.has(name)) this.#schedule(name, 0);
    }
  }

  /** The addresses of a host, sorted; an IP address is its own; empty: not known yet. */
  addresses(host: string): readonly string[] {
    return isIP(host) === 0 ? (this.#found.get(host) ?? []) : [host];
  }

  #schedule(name: string, afterMs: number): void {
    this.#timers.set(
      name,
      setTimeout(() => void this.#look(name), afterMs),
    );
  }

  async #look(name: string): Promise<void> {
    const { resolve = system, onChange, log, everyMs = defaultEveryMs } = this.#options;
    let again = everyMs * (0.9 + Math.random() / 5);
    try {
      const found = (await resolve(name)).sort();
      if (!this.#timers.has(name)) return;
      if (found.length > 0 && found.join() !== this.#found.get(name)?.join()) {
        this.#found.set(name, found);
        onChange(new Set([name]));
      }
    } catch (error) {
      again = retryMs * (0.5 + Math.random());
      log.warn({ name, error }, 'name does not resolve: what was found last stays');
    }
    if (this.#timers.has(name)) this.#schedule(name, again);
  }
}

async function system(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map((a) => a.address);
}
