import { setTimeout as delay } from 'node:timers/promises';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { credentials } from '@grpc/grpc-js';
import type { Log } from '@tsgateway/kube';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import type { DeltaDiscoveryResponse } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { DeltaDiscoveryRequest } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { EndpointDiscoveryServiceClient } from '@tsgateway/protos/envoy/service/endpoint/v3/eds';
import { clientOptions } from '@tsgateway/rpc';
import { ENDPOINT_TYPE } from '../xds/resource.ts';

type Listener = (assignment: ClusterLoadAssignment) => void;
type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

const MIN_RETRY_MS = 50;
const MAX_RETRY_MS = 2_000;

interface Watched {
  readonly listeners: Set<Listener>;
  assignment: ClusterLoadAssignment | undefined;
  version: string | undefined;
}

/** Follows endpoints by service name over one incremental EDS stream; while the server is away the last known ones stay. */
export class EdsClient {
  readonly #client: EndpointDiscoveryServiceClient;
  readonly #log: Log;
  readonly #node: { id: string; cluster: string };
  readonly #watched = new Map<string, Watched>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #stream: Stream | undefined;

  constructor(options: { address: string; node: { id: string; cluster: string }; log: Log }) {
    this.#log = options.log;
    this.#node = options.node;
    this.#client = new EndpointDiscoveryServiceClient(options.address, credentials.createInsecure(), clientOptions());
    this.#running = this.#run();
  }

  /** Told at once of what is known, and of every change. Returns what ends it. */
  watch(name: string, listener: Listener): () => void {
    const known = this.#watched.get(name);
    const watched: Watched = known ?? { listeners: new Set(), assignment: undefined, version: undefined };
    watched.listeners.add(listener);
    if (watched.assignment) listener(watched.assignment);
    if (!known) {
      this.#watched.set(name, watched);
      this.#send({ resourceNamesSubscribe: [name] });
    }
    return () => {
      if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return;
      this.#watched.delete(name);
      this.#send({ resourceNamesUnsubscribe: [name] });
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#stream?.cancel();
    await this.#running;
    this.#client.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; failures++) {
      const started = Date.now();
      const reason = await this.#follow();
      if (signal.aborted) return;
      if (Date.now() - started > 10_000) failures = 0;
      const wait = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      this.#log.warn({ reason, retryInMs: Math.round(wait) }, 'endpoint stream ended: endpoints stay as they were');
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One stream; resolves to why it ended. */
  #follow(): Promise<string> {
    return new Promise((resolve) => {
      const stream = this.#client.deltaEndpoints();
      this.#stream = stream;
      const end = (reason: string) => {
        if (this.#stream === stream) this.#stream = undefined;
        resolve(reason);
      };
      stream.on('data', (response: DeltaDiscoveryResponse) => {
        this.#receive(response);
      });
      stream.on('error', (error: Error) => end(error.message));
      stream.on('end', () => end('the server ended it'));
      const versions = [...this.#watched].flatMap(([name, w]) =>
        w.version === undefined ? [] : [[name, w.version] as const],
      );
      this.#send({
        node: this.#node,
        resourceNamesSubscribe: [...this.#watched.keys()],
        initialResourceVersions: Object.fromEntries(versions),
      });
    });
  }

  #send(request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]): void {
    this.#stream?.write(DeltaDiscoveryRequest.fromPartial({ typeUrl: ENDPOINT_TYPE, ...request }));
  }

  #receive(response: DeltaDiscoveryResponse): void {
    try {
      for (const r of response.resources) {
        if (r.resource) this.#update(r.name, ClusterLoadAssignment.decode(r.resource.value), r.version);
      }
      for (const name of response.removedResources) {
        this.#update(name, ClusterLoadAssignment.fromPartial({ clusterName: name }), undefined);
      }
      this.#send({ responseNonce: response.nonce });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error({ error: message }, 'endpoints refused');
      this.#send({ responseNonce: response.nonce, errorDetail: { code: 3, message } });
    }
  }

  #update(name: string, assignment: ClusterLoadAssignment, version: string | undefined): void {
    const watched = this.#watched.get(name);
    if (!watched) return;
    watched.assignment = assignment;
    watched.version = version;
    for (const listener of watched.listeners) listener(assignment);
  }
}
