import type { Logger } from '@tsgateway/process';
import type { ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { MeshModelServiceClient } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { clientOptions, watchStream } from '@tsgateway/rpc';
import { credentials } from '@grpc/grpc-js';

export interface ModelClientOptions {
  /** `host:port` of an operator. */
  readonly address: string;
  /** Who we are, for the operator's log. */
  readonly client: string;
  /** False: the message is older than what is known. The stream is opened anew, as another replica may be ahead. */
  readonly onUpdate: (update: ModelUpdate) => boolean;
  readonly onState: (connected: boolean) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Follows the operator's mesh model for as long as the process lives; returns at once. */
export function followModel(options: ModelClientOptions): void {
  const { log, signal } = options;
  const client = new MeshModelServiceClient(options.address, credentials.createInsecure(), clientOptions());
  signal.addEventListener('abort', () => client.close());
  watchStream<ModelUpdate>({
    name: `model of ${options.address}`,
    open: () => client.watchModel({ client: options.client }),
    onMessage: (update) => {
      if (options.onUpdate(update)) return;
      throw new Error(`revision ${String(update.revision)} is older than what is known`);
    },
    onState: options.onState,
    log,
    signal,
  });
}
