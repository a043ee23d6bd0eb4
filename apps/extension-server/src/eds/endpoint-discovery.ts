import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { DeltaDiscoveryResponse as Response } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { type AssignmentSource, type DeltaResponse, DeltaSubscription } from './delta-subscription.ts';

const assignmentType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

type DeltaStream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/** What is counted. */
export interface EdsMetrics {
  /** Open streams. */
  streams(count: number): void;
  /** Assignments written to a stream. */
  pushed(count: number): void;
  /** A client refused a response. */
  rejected(): void;
}

/**
 * Envoy's EndpointDiscoveryService, delta variant. Envoy opens a stream per cluster, so streams are many and small:
 * each waits for its own reader, and a slow one is told the newest state when it can take it, never a queue.
 */
export class EndpointDiscovery {
  readonly #source: AssignmentSource;
  readonly #log: Logger;
  readonly #metrics: EdsMetrics;
  readonly #streams = new Map<DeltaStream, { subscription: DeltaSubscription; blocked: boolean }>();

  constructor(options: { source: AssignmentSource; log: Logger; metrics: EdsMetrics }) {
    this.#source = options.source;
    this.#log = options.log;
    this.#metrics = options.metrics;
  }

  /** Handler of DeltaEndpoints. */
  readonly deltaEndpoints = (stream: DeltaStream): void => {
    const state = { subscription: new DeltaSubscription(this.#source), blocked: false };
    this.#streams.set(stream, state);
    this.#metrics.streams(this.#streams.size);
    const gone = () => {
      if (this.#streams.delete(stream)) this.#metrics.streams(this.#streams.size);
    };
    stream.on('data', (request: DeltaDiscoveryRequest) => {
      const { rejected } = state.subscription.request(request);
      if (rejected !== undefined) {
        this.#metrics.rejected();
        this.#log.error(
          { node: request.node?.id, names: [...state.subscription.names].slice(0, 10), error: rejected },
          'EDS response rejected',
        );
      }
      this.#write(stream);
    });
    stream.on('drain', () => {
      state.blocked = false;
      this.#write(stream);
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
  *names(): Generator<string> {
    const seen = new Set<string>();
    for (const { subscription } of this.#streams.values()) {
      for (const name of subscription.names) {
        if (!seen.has(name)) yield name;
        seen.add(name);
      }
    }
  }

  /** The assignments of these names may have changed: tells those who asked for them. */
  changed(names: ReadonlySet<string>): void {
    for (const [stream, { subscription }] of this.#streams) {
      subscription.changed(names);
      this.#write(stream);
    }
  }

  /** Ends all streams; their Envoys reconnect elsewhere and keep what they have meanwhile. */
  close(): void {
    for (const stream of this.#streams.keys()) stream.end();
  }

  #write(stream: DeltaStream): void {
    const state = this.#streams.get(stream);
    if (!state) return;
    while (!state.blocked) {
      const response = state.subscription.next();
      if (!response) return;
      this.#metrics.pushed(response.resources.length);
      state.blocked = !stream.write(toMessage(response));
    }
  }
}

function toMessage(response: DeltaResponse): DeltaDiscoveryResponse {
  return Response.fromPartial({
    typeUrl: assignmentType,
    nonce: response.nonce,
    resources: response.resources.map(({ name, assignment }) => ({
      name,
      version: assignment.version,
      resource: { typeUrl: assignmentType, value: assignment.body },
    })),
  });
}
