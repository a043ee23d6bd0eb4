import type { ServerDuplexStream } from '@grpc/grpc-js';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { Log } from '@tsgateway/kube';
import { AggregatedDiscoveryServiceService } from '@tsgateway/protos/envoy/service/discovery/v3/ads';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import type { Snapshot } from '../snapshot.ts';
import type { Nack } from './delta-session.ts';
import { DeltaSession } from './delta-session.ts';
import { xdsResources } from './resource.ts';

export interface AdsServerOptions {
  readonly log: Log;
  /** Resolves when the client no longer warms clusters (or has taken too long): routes may then name them. */
  readonly warmed: () => Promise<void>;
}

type Stream = ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

/** How long the client may take to answer a publication. */
const SETTLE_DEADLINE_MS = 30_000;

/** The aggregated xDS server of one data plane, over loopback, incremental. */
export class AdsServer {
  readonly #options: AdsServerOptions;
  readonly #server = new Server({
    'grpc.max_receive_message_length': 64 * 1024 * 1024,
    'grpc.max_send_message_length': -1,
  });
  readonly #sessions = new Set<DeltaSession>();
  readonly #waiting = new Map<number, { nacks: Nack[]; settled: () => void }>();
  #current = {
    resources: xdsResources({ listeners: [], routeConfigurations: [], clusters: [], endpoints: [] }),
    version: 0,
  };

  constructor(options: AdsServerOptions) {
    this.#options = options;
    this.#server.addService(AggregatedDiscoveryServiceService, {
      deltaAggregatedResources: (call: Stream) => {
        this.#serve(call);
      },
      streamAggregatedResources: (call: Stream) => {
        call.destroy(
          Object.assign(new Error('only the incremental variant is served'), { code: status.UNIMPLEMENTED }),
        );
      },
    });
  }

  #serve(call: Stream): void {
    const session = new DeltaSession(
      {
        send: (response) => call.write(response),
        warmed: this.#options.warmed,
        onNack: (nack) => {
          this.#refused(nack);
        },
        onSettled: (version) => {
          this.#settled(version);
        },
      },
      this.#current,
    );
    this.#sessions.add(session);
    const close = () => {
      session.close();
      this.#sessions.delete(session);
    };
    call.on('data', (request: DeltaDiscoveryRequest) => {
      session.onRequest(request);
    });
    call.on('end', () => {
      close();
      call.end();
    });
    call.on('error', close);
    call.on('cancelled', close);
  }

  /** The port it listens on. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
  }

  /**
   * Brings a snapshot to the client. Resolves when it has taken all of it.
   * @throws Error with the client's words where it refuses a part (the rest is in effect), or when it does not answer in time.
   */
  async publish(snapshot: Snapshot): Promise<void> {
    this.#current = { resources: xdsResources(snapshot), version: this.#current.version + 1 };
    const { resources, version } = this.#current;
    const nacks: Nack[] = [];
    const settled = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`Envoy has not taken the configuration in ${SETTLE_DEADLINE_MS / 1000} s`));
      }, SETTLE_DEADLINE_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.set(version, { nacks, settled: done });
    });
    for (const session of this.#sessions) session.publish(resources, version);
    await settled.finally(() => this.#waiting.delete(version));
    const [nack] = nacks;
    if (nack) throw new Error(`Envoy refuses ${nack.typeUrl.split('.').at(-1) ?? ''}: ${nack.message}`);
  }

  #refused(nack: Nack): void {
    this.#options.log.error({ type: nack.typeUrl, detail: nack.message }, 'Envoy refused a configuration');
    for (const { nacks } of this.#waiting.values()) nacks.push(nack);
  }

  /** A publication that was overtaken is settled with its successor. */
  #settled(version: number): void {
    for (const [waiting, { settled }] of this.#waiting) if (waiting <= version) settled();
  }

  close(): void {
    for (const session of this.#sessions) session.close();
    this.#server.forceShutdown();
  }
}
