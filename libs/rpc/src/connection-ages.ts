import { status } from '@grpc/grpc-js';
import type { ServerInterceptor, StatusObject } from '@grpc/grpc-js';

type Call = Pick<Parameters<ServerInterceptor>[1], 'getPeer' | 'sendStatus'>;

interface Connection {
  readonly streams: Set<Call>;
  timer: NodeJS.Timeout;
  old: boolean;
}

/** grpc-js asks the client of a connection to leave at its maximal age, more or less 10 %. */
const jitter = 0.1;

/**
 * Ends the long streams of connections that are past their maximal age, one by one over a grace period. grpc-js only
 * asks their clients to open no more calls there, and would cut the streams of all at once.
 */
export class ConnectionAges {
  readonly #maxAgeMs: number;
  readonly #graceMs: number;
  readonly #connections = new Map<string, Connection>();
  /** A stream whose connection is gone cannot say any more whose it was. */
  readonly #peerOf = new Map<Call, string>();

  constructor(options: { maxAgeMs: number; graceMs: number }) {
    this.#maxAgeMs = options.maxAgeMs;
    this.#graceMs = options.graceMs;
  }

  /** After this long past the maximal age, grpc-js may cut what is left. */
  get cutAfterMs(): number {
    return this.#maxAgeMs * 2 * jitter + this.#graceMs + 5_000;
  }

  add(stream: Call): void {
    const peer = stream.getPeer();
    const connection = this.#connections.get(peer) ?? this.#open(peer);
    connection.streams.add(stream);
    this.#peerOf.set(stream, peer);
    if (connection.old) this.#end(stream);
  }

  remove(stream: Call): void {
    const peer = this.#peerOf.get(stream) ?? '';
    this.#peerOf.delete(stream);
    const connection = this.#connections.get(peer);
    if (!connection?.streams.delete(stream) || connection.streams.size > 0) return;
    clearTimeout(connection.timer);
    this.#connections.delete(peer);
  }

  #open(peer: string): Connection {
    const timer = setTimeout(() => this.#age(peer), this.#maxAgeMs * (1 + jitter)).unref();
    const connection: Connection = { streams: new Set(), timer, old: false };
    this.#connections.set(peer, connection);
    return connection;
  }

  #age(peer: string): void {
    const connection = this.#connections.get(peer);
    if (!connection) return;
    connection.old = true;
    for (const stream of connection.streams) this.#end(stream);
  }

  #end(stream: Call): void {
    setTimeout(() => {
      if (this.#peerOf.has(stream)) stream.sendStatus(retired);
    }, Math.random() * this.#graceMs).unref();
  }
}

/** Nothing went wrong: the client opens the stream again, on a new connection. */
const retired: Pick<StatusObject, 'code' | 'details' | 'metadata'> = {
  code: status.OK,
  details: 'the connection is old',
  metadata: null as never,
};
