import { type ServerWritableStream, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  encodeHealth,
  type MeshModel,
  type MeshRoute,
  type MeshService,
  routeKey,
  serviceKey,
  snapshotOf,
  targetId,
} from '@tsgateway/model';
import { HealthServiceService, HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { MeshModelServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { customRoute, customRules, serviceName, services } from '../corpus/requests.ts';

const probe = { path: '/', intervalMs: 1000, timeoutMs: 500, healthyThreshold: 1, unhealthyThreshold: 1 };

const machines = (group: string, service: number) =>
  [0, 1].map((i) => ({
    id: `${group}/${i}`,
    host: `100.${group === 'primary' ? 64 : 65}.${service}.${i + 1}`,
    ...{ port: 8080, protocol: 'HTTP' as const, weight: 1, probe },
  }));

const service = (i: number): MeshService => ({
  ...{ kind: 'TailscaleServices', namespace: 'default', name: serviceName(i), generation: 1 },
  ...{ strategy: 'failover', failbackDelayMs: 0 },
  groups: [
    { name: 'primary', source: 'endpoints', weight: 1, tier: 0, machines: machines('primary', i) },
    { name: 'secondary', source: 'endpoints', weight: 1, tier: 1, machines: machines('secondary', i) },
  ],
});

const route = (i: number): MeshRoute => ({
  ...{ kind: 'HTTPRoute', namespace: 'default', name: customRoute(i), generation: 1 },
  rules: [
    {
      backendRefs: [
        {
          ...{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', namespace: 'default' },
          ...{ name: serviceName(i), port: 80, weight: 1 },
        },
      ],
    },
  ],
});

type HealthStream = ServerWritableStream<unknown, HealthUpdate>;

/** The operator's model stream and one health checker, for the extension servers that are measured. */
export class MeshStub {
  readonly #server = new Server();
  readonly #checked = new Set<HealthStream>();
  #model: MeshModel | undefined;
  address = '';

  async start(): Promise<void> {
    this.#server.addService(MeshModelServiceService, {
      watchModel: (stream: ServerWritableStream<unknown, unknown>) => {
        if (this.#model) stream.write(snapshotOf(this.#model));
      },
    });
    this.#server.addService(HealthServiceService, {
      watchHealth: (stream: HealthStream) => {
        this.#checked.add(stream);
        stream.on('close', () => this.#checked.delete(stream));
        stream.on('cancelled', () => this.#checked.delete(stream));
        stream.write(HealthUpdate.fromPartial({ checker: 'bench', epoch: 1n, snapshot: true }));
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    this.address = `127.0.0.1:${port}`;
    const all = [...Array(services).keys()].map(service);
    this.#model = {
      revision: 1n,
      services: new Map(all.map((s) => [serviceKey(s), s])),
      routes: new Map([...Array(customRules).keys()].map(route).map((r) => [routeKey(r), r])),
      checkers: { epoch: 1, addresses: [this.address] },
    };
  }

  /** Extension servers that follow the checker. */
  get followers(): number {
    return this.#checked.size;
  }

  /** Says of a service's primary machines that they are healthy, or are not. */
  setPrimaryHealthy(healthy: boolean, index = 0): void {
    const targets = machines('primary', index).map((m) =>
      encodeHealth(targetId(m) ?? '', {
        ...{ healthy, observedSinceMs: 1 },
        transitions: [{ atMs: Date.now(), healthy }],
      }),
    );
    const update = HealthUpdate.fromPartial({ checker: 'bench', epoch: 1n, targets });
    for (const stream of this.#checked) stream.write(update);
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}
