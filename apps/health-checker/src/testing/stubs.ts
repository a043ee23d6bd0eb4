import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { credentials, type ServerWritableStream } from '@grpc/grpc-js';
import { diffModels, emptyModel, type Machine, type MeshModel, serviceKey, snapshotOf } from '@tsgateway/model';
import { createLogger } from '@tsgateway/process';
import { HealthServiceClient, type HealthUpdate, type TargetHealth } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import {
  MeshModelServiceService,
  type ModelUpdate,
  type WatchModelRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { clientOptions, createRpcServer } from '@tsgateway/rpc';
import { Registry } from 'prom-client';

const bundle = join(import.meta.dirname, '../../../../dist/apps/health-checker/main.js');

/** Resolves when the condition holds; rejects after 20 s, saying what was waited for. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The built health checker as a process of its own. */
export class CheckerProcess {
  readonly lines: Record<string, unknown>[] = [];
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;

  constructor(env: Record<string, string>) {
    const own = { BIND_HOST: '127.0.0.1', GRPC_PORT: '0', METRICS_BIND_ADDRESS: ':0', HEALTH_PROBE_BIND_ADDRESS: ':0' };
    this.#child = spawn(process.execPath, [bundle], { env: { ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exit = once(this.#child, 'close');
    let rest = '';
    this.#child.stdout?.on('data', (chunk) => {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    });
    this.#child.stderr?.on('data', (chunk) => (this.stderr += String(chunk)));
  }

  async line(msg: string): Promise<Record<string, unknown>> {
    const find = () => this.lines.find((line) => line['msg'] === msg);
    await eventually(`a line "${msg}" (${this.stderr})`, () => find() !== undefined);
    return find() ?? {};
  }

  async get(path: '/metrics' | '/healthz' | '/readyz' | '/readyz?verbose'): Promise<{ status: number; body: string }> {
    const variable = path === '/metrics' ? 'METRICS_BIND_ADDRESS' : 'HEALTH_PROBE_BIND_ADDRESS';
    const [address] = (await this.line(`Listening (${variable})`))['addresses'] as string[];
    const response = await fetch(`http://${address}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** Follows the health stream. */
  async watch(): Promise<HealthWatch> {
    return new HealthWatch(`127.0.0.1:${String((await this.line('Serving gRPC'))['port'])}`);
  }

  /** The exit code. */
  async exit(): Promise<unknown> {
    return (await this.#exit)[0];
  }

  /** Asks it to end; resolves to the exit code. */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM');
    return this.exit();
  }
}

/** What a reader of the health stream has seen. */
export class HealthWatch {
  readonly updates: HealthUpdate[] = [];
  readonly targets = new Map<string, TargetHealth>();
  readonly #client: HealthServiceClient;

  constructor(address: string) {
    this.#client = new HealthServiceClient(address, credentials.createInsecure(), clientOptions());
    const stream = this.#client.watchHealth({ client: 'spec' });
    stream.on('error', () => undefined);
    stream.on('data', (update: HealthUpdate) => {
      this.updates.push(update);
      for (const target of update.targets) this.targets.set(target.target, target);
      for (const id of update.removed) this.targets.delete(id);
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** The operator's model server, which says what the test says. */
export class Operator {
  readonly #streams = new Set<ServerWritableStream<WatchModelRequest, ModelUpdate>>();
  readonly #server = createRpcServer({
    log: createLogger({ name: 'operator', level: 'error', format: 'console', write: () => undefined }),
    metrics: new Registry(),
  });
  #model = emptyModel;
  address = '';

  async start(): Promise<this> {
    this.#server.add(MeshModelServiceService, {
      watchModel: (call: ServerWritableStream<WatchModelRequest, ModelUpdate>) => {
        this.#streams.add(call);
        call.on('cancelled', () => this.#streams.delete(call));
        call.write(snapshotOf(this.#model));
      },
    });
    this.address = `127.0.0.1:${await this.#server.listen('127.0.0.1:0')}`;
    return this;
  }

  /** One service `shop/<name>` for each entry, with these machines. */
  set(services: Record<string, Machine[]>): void {
    const next: MeshModel = {
      revision: this.#model.revision + 1n,
      routes: new Map(),
      checkers: { epoch: 7, addresses: [] },
      services: new Map(
        Object.entries(services).map(([name, machines]) => {
          const service = {
            kind: 'TailscaleServices' as const,
            namespace: 'shop',
            name,
            generation: 1,
            strategy: 'round-robin' as const,
            failbackDelayMs: 60_000,
            groups: [{ name: 'web', source: 'endpoints' as const, weight: 1, tier: 0 as const, machines }],
          };
          return [serviceKey(service), service];
        }),
      ),
    };
    for (const stream of this.#streams) stream.write(diffModels(this.#model, next));
    this.#model = next;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** An HTTP backend that counts its probes. */
export class Backend {
  probes = 0;
  port = 0;
  /** The status to answer with; undefined: no answer at all. */
  status: number | undefined = 200;
  readonly #server = createServer((_, response) => {
    this.probes++;
    if (this.status !== undefined) response.writeHead(this.status).end();
  });

  async start(): Promise<this> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** As a process that dies: no listener, and every connection is cut. */
  kill(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
