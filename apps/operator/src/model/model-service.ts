import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type { MeshModel } from '@tsgateway/model';
import type { Logger } from '@tsgateway/process';
import type {
  MeshModelServiceServer,
  ModelUpdate,
  WatchModelRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { Gauge, type Registry } from 'prom-client';
import type { MeshCatalog } from '../catalog/mesh-catalog.ts';
import type { Peers } from '../peers/peers.ts';
import { ModelStream } from './model-stream.ts';

export interface ModelServiceOptions {
  readonly catalog: MeshCatalog;
  /** The highest resourceVersion that the informers have seen. */
  readonly revision: () => bigint;
  readonly checkers: Peers;
  readonly log: Logger;
  readonly metrics: Registry;
}

/** A revision that changed nothing in the model is told no more often than this. */
const REVISION_MS = 1_000;

/** `MeshModelService`: every replica streams the model that its own caches make, straight from the informers' events. */
export class ModelService {
  readonly #o: ModelServiceOptions;
  readonly #streams = new Map<ModelStream, ServerWritableStream<WatchModelRequest, ModelUpdate>>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(options: ModelServiceOptions) {
    this.#o = options;
    const changes = options.catalog.onChange(({ services, routes }) => {
      if (services.size + routes.size === 0) return;
      for (const stream of this.#streams.keys()) stream.changed({ services, routes });
    });
    const checkers = options.checkers.onChange(() => {
      for (const stream of this.#streams.keys()) stream.checkersChanged();
    });
    const revisions = setInterval(() => {
      for (const stream of this.#streams.keys()) stream.tellRevision();
    }, REVISION_MS);
    const stop = (): void => {
      clearInterval(revisions);
    };
    this.#unsubscribe = [changes, checkers, stop];
    const { catalog, metrics } = options;
    const streams = this.#streams;
    const registers = [metrics];
    new Gauge({
      name: 'mesh_model_streams',
      help: 'Readers of the mesh model.',
      registers,
      collect() {
        this.set(streams.size);
      },
    });
    new Gauge({
      name: 'mesh_model_objects',
      help: 'Objects in the mesh model.',
      labelNames: ['kind'],
      registers,
      collect() {
        this.set({ kind: 'service' }, catalog.services.size);
        this.set({ kind: 'route' }, catalog.routes.size);
      },
    });
    new Gauge({
      name: 'mesh_model_revision',
      help: 'The highest resourceVersion that went into the mesh model.',
      registers,
      collect() {
        this.set(Number(options.revision()));
      },
    });
  }

  /** The model now. Shares the catalog's maps: read it at once. */
  get model(): MeshModel {
    const { catalog, revision, checkers } = this.#o;
    return { revision: revision(), services: catalog.services, routes: catalog.routes, checkers: checkers.set };
  }

  get implementation(): MeshModelServiceServer {
    const watchModel: handleServerStreamingCall<WatchModelRequest, ModelUpdate> = (call) => {
      this.#watch(call);
    };
    return { watchModel };
  }

  /** Ends all streams: the readers go to another replica. */
  close(): void {
    for (const off of this.#unsubscribe) off();
    for (const call of this.#streams.values()) call.end();
    this.#streams.clear();
  }

  #watch(call: ServerWritableStream<WatchModelRequest, ModelUpdate>): void {
    const { log } = this.#o;
    const { client } = call.request;
    const stream = new ModelStream(() => this.model, call);
    const gone = (): void => {
      if (this.#streams.delete(stream)) log.info({ client }, 'model reader left');
    };
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('error', gone);
    this.#streams.set(stream, call);
    log.info({ client, revision: String(this.#o.revision()) }, 'model reader came');
  }
}
