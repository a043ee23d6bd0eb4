import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  credentials,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { applyUpdate, emptyModel, type MeshModel } from '@tsgateway/model';
import {
  CoordinatorServiceService,
  type DescribeTailnetRequest,
  type DescribeTailnetResponse,
  type DetachRequest,
  type DetachResponse,
  type EnsureRequest,
  type EnsureResponse,
} from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import {
  HealthServiceService,
  HealthUpdate,
  type WatchHealthRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { MeshModelServiceClient, type ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import {
  TrafficReport,
  TrafficServiceService,
  type WatchTrafficRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { createRpcServer } from '@tsgateway/rpc';
import { Registry } from 'prom-client';
import { quietLogger } from './objects.ts';

const MAIN = join(import.meta.dirname, '../../../../dist/apps/operator/main.js');

/** Resolves to what `find` finds; rejects after `ms`, saying what was waited for. */
export async function eventually<T>(
  what: string,
  find: () => T | undefined | false | Promise<T | undefined | false>,
  ms = 15_000,
): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The built operator as a process of its own. */
export class OperatorProcess {
  readonly lines: Record<string, unknown>[] = [];
  readonly process: ChildProcess;
  #stderr = '';

  constructor(env: Record<string, string>) {
    this.process = spawn(process.execPath, [MAIN], {
      env: {
        BIND_HOST: '127.0.0.1',
        GRPC_PORT: '0',
        METRICS_BIND_ADDRESS: ':0',
        HEALTH_PROBE_BIND_ADDRESS: ':0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    if (this.process.stdout) {
      createInterface(this.process.stdout).on('line', (line) =>
        this.lines.push(JSON.parse(line) as Record<string, unknown>),
      );
    }
  }

  line(msg: string, ms?: number): Promise<Record<string, unknown>> {
    return eventually(
      `"${msg}" in the log; stderr: ${this.#stderr}`,
      () => this.lines.find((l) => l['msg'] === msg),
      ms,
    );
  }

  async modelAddress(): Promise<string> {
    return `127.0.0.1:${String((await this.line('model server listening'))['port'])}`;
  }

  async http(variable: 'METRICS_BIND_ADDRESS' | 'HEALTH_PROBE_BIND_ADDRESS', path: string): Promise<Response> {
    const [address] = (await this.line(`Listening (${variable})`))['addresses'] as string[];
    return fetch(`http://${address}${path}`);
  }

  /** The exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill(signal);
      await once(this.process, 'exit');
    }
    return this.process.exitCode;
  }
}

/** A coordinator that keeps VIP services in a map and its calls in a list. */
export async function startCoordinator() {
  const calls: string[] = [];
  const vips = new Set<string>();
  const server = createRpcServer({ log: quietLogger(), metrics: new Registry() });
  const describeTailnet: handleUnaryCall<DescribeTailnetRequest, DescribeTailnetResponse> = (call, callback) => {
    const { tailnet } = call.request;
    calls.push(`describe ${tailnet?.name} ${tailnet?.secretNamespace}/${tailnet?.secretName}`);
    callback(null, {
      name: 'example.com',
      organization: 'example.com',
      tailnetId: 'T1',
      magicDnsSuffix: 'demo.ts.net',
      deviceCount: 3,
      connectedDevices: 2,
      scopes: ['services'],
      secretVersion: '1',
      credentialExpiresAtMs: 0n,
    });
  };
  const ensure: handleUnaryCall<EnsureRequest, EnsureResponse> = (call, callback) => {
    const { service, operatorId, consumer } = call.request;
    calls.push(`ensure ${service?.name} ${consumer}`);
    vips.add(service?.name ?? '');
    callback(null, {
      service,
      addresses: ['100.100.0.1'],
      dnsName: 'web.demo.ts.net',
      ownerOperator: operatorId,
      consumerOperators: [],
      registryKey: service?.name ?? '',
      created: true,
      specConflicts: [],
    });
  };
  const detach: handleUnaryCall<DetachRequest, DetachResponse> = (call, callback) => {
    calls.push(`detach ${call.request.serviceName}`);
    callback(null, { deleted: vips.delete(call.request.serviceName) });
  };
  server.add(CoordinatorServiceService, { describeTailnet, ensure, detach });
  const port = await server.listen('127.0.0.1:0');
  return { address: `127.0.0.1:${port}`, calls, vips, close: () => server.close() };
}

/** A checker that says of targets what the test says. */
export async function startChecker() {
  const streams = new Set<ServerWritableStream<WatchHealthRequest, HealthUpdate>>();
  const server = createRpcServer({ log: quietLogger(), metrics: new Registry() });
  const watchHealth: handleServerStreamingCall<WatchHealthRequest, HealthUpdate> = (call) => {
    streams.add(call);
    call.write(HealthUpdate.fromPartial({ checker: 'c1', epoch: 1, snapshot: true }));
    call.on('cancelled', () => streams.delete(call));
  };
  server.add(HealthServiceService, { watchHealth });
  const port = await server.listen('127.0.0.1:0');
  return {
    address: `127.0.0.1:${port}`,
    readers: () => streams.size,
    report(target: string, healthy: boolean) {
      const atMs = Date.now();
      const update = HealthUpdate.fromPartial({
        checker: 'c1',
        epoch: 1,
        targets: [{ target, healthy, observedSinceMs: atMs - 60_000, transitions: healthy ? [] : [{ atMs, healthy }] }],
      });
      for (const stream of streams) stream.write(update);
    },
    close: () => server.close(),
  };
}

/** An extension server that counts what the test says. */
export async function startTraffic() {
  const streams = new Set<ServerWritableStream<WatchTrafficRequest, TrafficReport>>();
  const server = createRpcServer({ log: quietLogger(), metrics: new Registry() });
  const watchTraffic: handleServerStreamingCall<WatchTrafficRequest, TrafficReport> = (call) => {
    streams.add(call);
    call.write({ bootId: 'boot', groups: [], translationOwed: false });
    call.on('cancelled', () => streams.delete(call));
  };
  server.add(TrafficServiceService, { watchTraffic });
  const port = await server.listen('127.0.0.1:0');
  return {
    address: `127.0.0.1:${port}`,
    readers: () => streams.size,
    report(service: string, issued: Record<string, number>) {
      const groups = Object.entries(issued).map(([group, count]) => ({ service, group, issued: BigInt(count) }));
      for (const stream of streams) stream.write(TrafficReport.fromPartial({ bootId: 'boot', groups }));
    },
    close: () => server.close(),
  };
}

/** A reader of the model. */
export function readModel(address: string) {
  const client = new MeshModelServiceClient(address, credentials.createInsecure());
  const call = client.watchModel({ client: 'spec' });
  const state = { model: emptyModel as MeshModel, at: 0 };
  call.on('data', (update: ModelUpdate) => {
    const next = applyUpdate(state.model, update);
    if (next !== 'stale') state.model = next;
    state.at = performance.now();
  });
  call.on('error', () => undefined);
  return {
    state,
    service: (name: string) => state.model.services.get(`TailscaleServices/shop/${name}`),
    close() {
      call.cancel();
      client.close();
    },
  };
}
