import { isIP } from 'node:net';
import { type Logger, NameLookup } from '@tsgateway/process';

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
/** The system's resolver may try for much longer. */
const lookupDeadlineMs = 5000;

/**
 * Addresses of the DNS names among the machines: Envoy refuses a name in EDS, and the whole assignment with it. Names
 * are looked up in the background; what was found last stays while the resolver fails.
 */
export class NameResolver {
  readonly #options: NameResolverOptions;
  readonly #system = new NameLookup();
  /** Empty: looked up, and nothing found yet. */
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

  /**
   * The addresses of a host, sorted; an IP address is its own; empty: it does not resolve. Undefined: its first lookup
   * is not over.
   */
  addresses(host: string): readonly string[] | undefined {
    return isIP(host) === 0 ? this.#found.get(host) : [host];
  }

  #schedule(name: string, afterMs: number): void {
    this.#timers.set(
      name,
      setTimeout(() => void this.#look(name), afterMs),
    );
  }

  async #look(name: string): Promise<void> {
    const { resolve = (each) => this.#system.addresses(each), log, everyMs = defaultEveryMs } = this.#options;
    const timer = this.#timers.get(name);
    let again = everyMs * (0.9 + Math.random() / 5);
    let found: string[] = [];
    try {
      found = (await withDeadline(resolve(name))).sort();
    } catch (err) {
      again = retryMs * (0.5 + Math.random());
      log.warn({ name, err }, 'A name does not resolve: what was found last stays');
    }
    // Not asked for any more, or anew.
    if (timer === undefined || this.#timers.get(name) !== timer) return;
    this.#take(name, found);
    this.#schedule(name, again);
  }

  #take(name: string, found: string[]): void {
    const before = this.#found.get(name);
    if (before !== undefined && (found.length === 0 || found.join() === before.join())) return;
    this.#found.set(name, found);
    this.#options.onChange(new Set([name]));
  }
}

async function withDeadline<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${lookupDeadlineMs} ms`)), lookupDeadlineMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
