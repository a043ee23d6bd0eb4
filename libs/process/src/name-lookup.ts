import type { SocketOptions } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';

/** The option `lookup` of TCP sockets, and of those for datagrams, which want less of it. */
export type SocketLookup = LookupFunction & NonNullable<SocketOptions['lookup']>;

export interface NameLookupOptions {
  /** The system's resolver: hosts file, search domains and all. It may hold a thread for as long as it takes. */
  readonly resolve?: (name: string) => Promise<string[]>;
  /** Whether a name server answers for a name, be it that there is no such name. Takes no thread. */
  readonly isAnswered?: (name: string) => Promise<boolean>;
}

/** Twice, the second time for twice as long. */
const probe = { timeout: 500, tries: 2 };

/**
 * Addresses of names, as the system's resolver finds them. That holds one of two threads until it gives up, ten seconds
 * by default: where a few names are answered by nobody, no other name would get its turn. So a name is asked for in a way
 * that takes no thread first, and those that nobody answers wait for one another, and for nobody else.
 */
export class NameLookup {
  readonly #resolve: (name: string) => Promise<string[]>;
  readonly #isAnswered: (name: string) => Promise<boolean>;
  readonly #pending = new Map<string, Promise<string[]>>();
  /** The last of those that wait for one another. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ resolve = resolveBySystem, isAnswered = isAnsweredByServer }: NameLookupOptions = {}) {
    this.#resolve = resolve;
    this.#isAnswered = isAnswered;
  }

  /**
   * All addresses of a name. There is no deadline: who has one asks again later, and joins a lookup that still goes on.
   * @throws Error when the name does not resolve
   */
  async addresses(name: string): Promise<string[]> {
    const found = this.#pending.get(name) ?? this.#look(name).finally(() => this.#pending.delete(name));
    this.#pending.set(name, found);
    return found;
  }

  /** The same for sockets. */
  readonly forSockets = ((name, options, callback) => {
    // For datagrams, it is the family itself.
    const { all = false, family = 0 } = typeof options === 'number' ? { family: options as 4 | 6 } : options;
    const wanted = { 0: [4, 6], 4: [4], 6: [6], IPv4: [4], IPv6: [6] }[family];
    const take = (addresses: readonly string[]) => {
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      const fitting = found.filter((each) => wanted?.includes(each.family));
      const [first] = fitting;
      if (!first) callback(Object.assign(new Error(`${name} has no such address`), { code: 'ENOTFOUND' }), '');
      else if (all) callback(null, fitting);
      else callback(null, first.address, first.family);
    };
    (isIP(name) === 0 ? this.addresses(name) : Promise.resolve([name])).then(take, (error: Error) => {
      callback(error, '');
    });
  }) as LookupFunction as SocketLookup;

  async #look(name: string): Promise<string[]> {
    if (await this.#isAnswered(name)) return this.#resolve(name);
    const found = this.#last.then(() => this.#resolve(name));
    this.#last = found.catch(() => undefined);
    return found;
  }
}

async function resolveBySystem(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map((a) => a.address);
}

async function isAnsweredByServer(name: string): Promise<boolean> {
  try {
    await new Resolver(probe).resolve4(name); // made anew, as name servers change
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ETIMEOUT';
  }
}
