import { credentials } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import type { HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { HealthServiceClient } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { clientOptions, watchStream } from '@tsgateway/rpc';

export interface HealthClientsOptions {
  /** Who we are, for the checkers' logs. */
  readonly client: string;
  readonly onUpdate: (update: HealthUpdate) => void;
  /** The checker, by the name it gave itself, is not in the set any more. */
  readonly onGone: (checker: string) => void;
  /** How many of how many checkers are connected. */
  readonly onState: (connected: number, all: number) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Follows the health streams of all checkers of the model. */
export class HealthClients {
  readonly #options: HealthClientsOptions;
  readonly #followed = new Map<string, { abort: AbortController; connected: boolean; checker: string | undefined }>();

  constructor(options: HealthClientsOptions) {
    this.#options = options;
  }

  /** Follows these addresses (`host:port`) from now on, and no others. */
  set(addresses: readonly string[]): void {
    const wanted = new Set(addresses);
    for (const [address, followed] of this.#followed) {
      if (wanted.has(address)) continue;
      followed.abort.abort();
      this.#followed.delete(address);
      if (followed.checker !== undefined) this.#options.onGone(followed.checker);
    }
    for (const address of wanted) if (!this.#followed.has(address)) this.#follow(address);
    this.#tell();
  }

  #follow(address: string): void {
    const { log, client: name, signal: ending } = this.#options;
    const followed = { abort: new AbortController(), connected: false, checker: undefined as string | undefined };
    this.#followed.set(address, followed);
    const signal = AbortSignal.any([followed.abort.signal, ending]);
    const client = new HealthServiceClient(address, credentials.createInsecure(), clientOptions());
    signal.addEventListener('abort', () => client.close());
    watchStream<HealthUpdate>({
      name: `health of ${address}`,
      open: () => client.watchHealth({ client: name }),
      onMessage: (update) => {
        if (followed.checker !== undefined && followed.checker !== update.checker)
          this.#options.onGone(followed.checker);
        followed.checker = update.checker;
        this.#options.onUpdate(update);
      },
      onState: (connected) => {
        followed.connected = connected;
        this.#tell();
      },
      log,
      signal,
    });
  }

  #tell(): void {
    const connected = [...this.#followed.values()].filter((f) => f.connected).length;
    this.#options.onState(connected, this.#followed.size);
  }
}
