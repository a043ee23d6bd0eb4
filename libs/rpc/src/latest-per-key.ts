/** The part of a server stream (or of any object stream) that is needed to write to it. */
export interface MessageSink<M> {
  write(message: M, written: (error?: Error | null) => void): unknown;
}

export interface LatestPerKeyOptions<T, M> {
  readonly stream: MessageSink<M>;
  /** One message for these changes: newest value by key. */
  readonly toMessage: (changes: ReadonlyMap<string, T>) => M;
}

/**
 * Writes changes to a stream whose reader may be slow: of every key it keeps only the newest value until the message
 * before has left. Memory is bounded by the number of keys, a reader is at most one message behind, and it always ends
 * up with the newest value of each key. Changes that come in one turn of the event loop go into one message.
 *
 * Represent a removal as a value (for example `undefined`): what was removed and came back is then one change, too.
 */
export class LatestPerKey<T, M> {
  readonly #stream: MessageSink<M>;
  readonly #toMessage: (changes: ReadonlyMap<string, T>) => M;
  #pending = new Map<string, T>();
  #busy = false;
  #scheduled = false;

  constructor(options: LatestPerKeyOptions<T, M>) {
    this.#stream = options.stream;
    this.#toMessage = options.toMessage;
  }

  /** How many keys wait. */
  get pending(): number {
    return this.#pending.size;
  }

  set(key: string, value: T): void {
    this.#pending.set(key, value);
    this.#schedule();
  }

  /** Writes a message of its own, such as the first snapshot; changes wait until it has left. */
  send(message: M): void {
    this.#write(message);
  }

  #schedule(): void {
    if (this.#busy || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#busy || this.#pending.size === 0) return;
    const changes = this.#pending;
    this.#pending = new Map();
    this.#write(this.#toMessage(changes));
  }

  #write(message: M): void {
    this.#busy = true;
    this.#stream.write(message, (error) => {
      // A stream that failed stays busy: nothing is written to it any more.
      if (error) return;
      this.#busy = false;
      if (this.#pending.size > 0) this.#schedule();
    });
  }
}
