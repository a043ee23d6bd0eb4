import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { EndpointDiscoveryServiceService } from '@tsgateway/protos/envoy/service/endpoint/v3/eds';
import { type Assignment, type AssignmentSource, type DeltaResponse, DeltaSubscription } from './delta-subscription.ts';

const assignmentType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

/** Envoy's service, with responses that are serialized already: what all streams are sent is encoded once. */
export const endpointDiscoveryDefinition = {
  ...EndpointDiscoveryServiceService,
  deltaEndpoints: {
    ...EndpointDiscoveryServiceService.deltaEndpoints,
    responseSerialize: (response: Buffer) => response,
  },
};

type DeltaStream = ServerDuplexStream<DeltaDiscoveryRequest, Buffer>;

/** One stream; busy while a response is on its way. */
interface Reader {
  readonly stream: DeltaStream;
  readonly subscription: DeltaSubscription;
  busy: boolean;
}

/** What is counted. */
export interface EdsMetrics {
  /** Open streams. */
  streams(count: number): void;
  /** Assignments written to a stream. */
  pushed(count: number): void;
  /** A client refused a response. */
  rejected(): void;
}

export interface EndpointDiscoveryOptions {
  readonly source: AssignmentSource;
  /** Nobody is subscribed to this name any more. */
  readonly onReleased: (name: string) => void;
  readonly now: () => number;
  readonly log: Logger;
  readonly metrics: EdsMetrics;
}

/** An Envoy that refuses everything must not fill the log. */
const rejectionLogEveryMs = 10_000;
/** About 10 ms of work. */
const writesPerTurn = 256;

/**
 * Envoy's EndpointDiscoveryService, delta variant. Envoy opens a stream per cluster, so streams are many and small: a
 * change touches only those that asked for its names, each has at most one response on its way, and a slow one is told
 * the newest state when it can take it, never a queue.
 */
export class EndpointDiscovery {
  readonly #options: EndpointDiscoveryOptions;
  readonly #readers = new Set<Reader>();
  readonly #readersOf = new Map<string, Set<Reader>>();
  /** As a DeltaDiscoveryResponse that holds only it. */
  readonly #encoded = new WeakMap<Assignment, Buffer>();
  /** Readers that something changed for. */
  readonly #due = new Set<Reader>();
  #flushing = false;
  #rejectionLoggedAt = -Infinity;
  #rejectionsNotLogged = 0;

  constructor(options: EndpointDiscoveryOptions) {
    this.#options = options;
  }

  /** Handler of DeltaEndpoints. */
  readonly deltaEndpoints = (stream: DeltaStream): void => {
    const reader: Reader = { stream, subscription: new DeltaSubscription(this.#options.source), busy: false };
    this.#readers.add(reader);
    this.#options.metrics.streams(this.#readers.size);
    const gone = () => {
      if (!this.#readers.delete(reader)) return;
      reader.busy = true;
      for (const name of reader.subscription.names) this.#unlist(name, reader);
      this.#options.metrics.streams(this.#readers.size);
    };
    stream.on('data', (request: DeltaDiscoveryRequest) => {
      if (!this.#readers.has(reader)) return;
      const { rejected } = reader.subscription.request(request);
      for (const name of request.resourceNamesUnsubscribe) this.#unlist(name, reader);
      for (const name of Object.keys(request.initialResourceVersions)) this.#list(name, reader);
      for (const name of request.resourceNamesSubscribe) this.#list(name, reader);
      if (rejected !== undefined) this.#reject(request, rejected);
      this.#write(reader);
    });
    stream.on('end', () => {
      gone();
      stream.end();
    });
    stream.on('error', gone);
    stream.on('close', gone);
    stream.on('cancelled', gone);
  };

  /** Names that any stream is subscribed to. */
  names(): Iterable<string> {
    return this.#readersOf.keys();
  }

  /** The assignments of these names may have changed: tells those who asked for them. */
  changed(names: Iterable<string>): void {
    for (const name of names) {
      for (const reader of this.#readersOf.get(name) ?? []) {
        reader.subscription.changed([name]);
        this.#due.add(reader);
      }
    }
    if (!this.#flushing) this.#flush();
  }

  /** Ends all streams; their Envoys reconnect elsewhere and keep what they have meanwhile. */
  close(): void {
    for (const { stream } of this.#readers) stream.end();
  }

  /** The first at once; the rest in pieces, so that a change for thousands keeps nobody else waiting. */
  #flush(): void {
    let left = writesPerTurn;
    for (const reader of this.#due) {
      if (left-- === 0) break;
      this.#due.delete(reader);
      if (this.#readers.has(reader)) this.#write(reader);
    }
    this.#flushing = this.#due.size > 0;
    if (this.#flushing) setImmediate(() => this.#flush());
  }

  #list(name: string, reader: Reader): void {
    if (!reader.subscription.has(name)) return;
    const readers = this.#readersOf.get(name) ?? new Set();
    this.#readersOf.set(name, readers.add(reader));
  }

  #unlist(name: string, reader: Reader): void {
    const readers = this.#readersOf.get(name);
    if (!readers?.delete(reader) || readers.size > 0) return;
    this.#readersOf.delete(name);
    this.#options.onReleased(name);
  }

  #write(reader: Reader): void {
    if (reader.busy) return;
    const response = reader.subscription.next();
    if (!response) return;
    this.#options.metrics.pushed(response.resources.length);
    reader.busy = true;
    reader.stream.write(this.#encode(response), (error?: Error | null) => {
      if (error || !this.#readers.has(reader)) return;
      reader.busy = false;
      this.#write(reader);
    });
  }

  #encode(response: DeltaResponse): Buffer {
    const frame = DeltaDiscoveryResponse.fromPartial({ typeUrl: assignmentType, nonce: response.nonce });
    // Encoded messages of one type, one after the other, are that message with all their fields.
    return Buffer.concat([
      ...response.resources.map(({ name, assignment }) => this.#encodeResource(name, assignment)),
      DeltaDiscoveryResponse.encode(frame).finish(),
    ]);
  }

  #encodeResource(name: string, assignment: Assignment): Buffer {
    const known = this.#encoded.get(assignment);
    if (known) return known;
    const resource = {
      ...{ name, version: assignment.version },
      resource: { typeUrl: assignmentType, value: assignment.body },
    };
    const encoded = DeltaDiscoveryResponse.encode(DeltaDiscoveryResponse.fromPartial({ resources: [resource] }));
    const bytes = Buffer.from(encoded.finish());
    this.#encoded.set(assignment, bytes);
    return bytes;
  }

  #reject(request: DeltaDiscoveryRequest, error: string): void {
    this.#options.metrics.rejected();
    const now = this.#options.now();
    if (now - this.#rejectionLoggedAt < rejectionLogEveryMs) {
      this.#rejectionsNotLogged++;
      return;
    }
    this.#options.log.error(
      { node: request.node?.id, error, notLogged: this.#rejectionsNotLogged },
      'EDS response rejected',
    );
    this.#rejectionLoggedAt = now;
    this.#rejectionsNotLogged = 0;
  }
}
