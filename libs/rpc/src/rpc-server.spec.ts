import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { descriptorSet } from '@tsgateway/protos/descriptors';
import { HealthClient, HealthCheckResponse_ServingStatus as Serving } from '@tsgateway/protos/grpc/health/v1/health';
import {
  ServerReflectionClient,
  ServerReflectionRequest,
  type ServerReflectionResponse,
} from '@tsgateway/protos/grpc/reflection/v1/reflection';
import { FileDescriptorProto } from '@tsgateway/protos/google/protobuf/descriptor';
import { HealthServiceClient, HealthServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { Registry } from 'prom-client';

import { callUnary, clientOptions, createRpcServer } from './index.ts';
import type { RpcServer } from './index.ts';
import { silent } from './testing/silent-log.ts';

const echo = {
  echo: {
    path: '/test.Echo/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: (b: Buffer) => b,
    requestDeserialize: (b: Buffer) => b,
    responseSerialize: (b: Buffer) => b,
    responseDeserialize: (b: Buffer) => b,
  },
} as const;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Started {
  server: RpcServer;
  metrics: Registry;
  address: string;
  /** Closed at the end of the test. */
  use: <C extends Client>(client: C) => C;
}

async function start(prepare: (server: RpcServer) => void, maxMessageBytes?: number): Promise<Started> {
  const metrics = new Registry();
  const server = createRpcServer({
    log: silent,
    metrics,
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
  });
  prepare(server);
  const port = await server.listen('127.0.0.1:0');
  closers.push(() => server.close());
  const use = <C extends Client>(client: C): C => {
    closers.push(() => client.close());
    return client;
  };
  return { server, metrics, address: `127.0.0.1:${port}`, use };
}

const insecure = credentials.createInsecure();
const sample = async (metrics: Registry, name: string): Promise<unknown[]> =>
  ((await metrics.getSingleMetric(name)?.get())?.values ?? []).map(({ labels, value }) => ({ ...labels, value }));

/** Calls Echo with bytes as they are. */
const callEcho = (client: Client, bytes: Buffer, deadlineMs = 5_000): Promise<Buffer> =>
  callUnary<Buffer>(
    (done, options) =>
      client.makeUnaryRequest(
        echo.echo.path,
        (b: Buffer) => b,
        (b: Buffer) => b,
        bytes,
        new Metadata(),
        options,
        done as never,
      ),
    { deadlineMs, retries: 0 },
  );

describe('server', () => {
  it('reports health per service and as a whole, and watches changes until it closes', async () => {
    const { server, address, use } = await start((s) => s.add(HealthServiceService, { watchHealth: () => undefined }));
    const client = use(new HealthClient(address, insecure, clientOptions()));
    const check = (service: string) =>
      callUnary<{ status: Serving }>((done, o) => client.check({ service }, new Metadata(), o, done), {
        deadlineMs: 5_000,
      });

    expect((await check('')).status).toBe(Serving.SERVING);
    expect((await check('tsgateway.v1alpha1.HealthService')).status).toBe(Serving.SERVING);
    await expect(check('nope')).rejects.toMatchObject({ code: status.NOT_FOUND });

    const seen: Serving[] = [];
    const watch = client.watch({ service: '' });
    const ended = new Promise<ServiceError>((resolve) => watch.once('error', resolve));
    const next = (): Promise<void> =>
      new Promise((resolve) => watch.once('data', (m: { status: Serving }) => resolve(void seen.push(m.status))));
    await next();
    server.setServing('', false);
    await next();
    expect((await check('')).status).toBe(Serving.NOT_SERVING);
    server.setServing('', true);
    await next();
    const last = next();
    await server.close();
    await last;
    expect(seen).toEqual([Serving.SERVING, Serving.NOT_SERVING, Serving.SERVING, Serving.NOT_SERVING]);
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
  });

  it('tells a watch of a service that it does not know when it comes to know it', async () => {
    const { server, address, use } = await start(() => undefined);
    const watch = use(new HealthClient(address, insecure, clientOptions())).watch({ service: 'late' });
    watch.on('error', () => undefined);
    const next = () => new Promise((resolve) => watch.once('data', (m: { status: Serving }) => resolve(m.status)));
    expect(await next()).toBe(Serving.SERVICE_UNKNOWN);
    server.setServing('late', true);
    expect(await next()).toBe(Serving.SERVING);
    watch.cancel();
  });

  it.each(['v1', 'v1alpha'])(
    'answers reflection %s: services, symbols with their imports, files, errors',
    async (v) => {
      const { address, use } = await start((s) => s.add(HealthServiceService, { watchHealth: () => undefined }));
      const client = use(new Client(address, insecure, clientOptions()));
      const { serverReflectionInfo } = ServerReflectionClient.service;
      const call = client.makeBidiStreamRequest(
        serverReflectionInfo.path.replace('.v1.', `.${v}.`),
        serverReflectionInfo.requestSerialize,
        serverReflectionInfo.responseDeserialize,
        new Metadata(),
      );
      const ask = (messageRequest: ServerReflectionRequest['messageRequest']) =>
        new Promise<ServerReflectionResponse['messageResponse']>((resolve) => {
          call.once('data', (response: ServerReflectionResponse) => resolve(response.messageResponse));
          call.write(ServerReflectionRequest.fromPartial({ messageRequest }));
        });

      expect(await ask({ $case: 'listServices', value: '' })).toMatchObject({
        value: {
          service: [
            'grpc.health.v1.Health',
            'grpc.reflection.v1.ServerReflection',
            'tsgateway.v1alpha1.HealthService',
          ].map((name) => expect.objectContaining({ name })),
        },
      });
      const names = (answer: ServerReflectionResponse['messageResponse']): unknown =>
        answer?.$case === 'fileDescriptorResponse'
          ? answer.value.fileDescriptorProto.map((bytes) => {
              // Byte for byte: a decoder that knows no presence would not miss an enum's value 0.
              expect(descriptorSet.includes(bytes)).toBe(true);
              return FileDescriptorProto.decode(bytes).name;
            })
          : answer;
      for (const symbol of [
        'grpc.health.v1.Health',
        'grpc.health.v1.Health.Check',
        'grpc.health.v1.HealthCheckRequest',
      ]) {
        expect(names(await ask({ $case: 'fileContainingSymbol', value: symbol }))).toEqual([
          'grpc/health/v1/health.proto',
        ]);
      }
      const endpointDiscovery = names(
        await ask({ $case: 'fileContainingSymbol', value: 'envoy.service.endpoint.v3.EndpointDiscoveryService' }),
      );
      expect(endpointDiscovery).toEqual(
        expect.arrayContaining(['envoy/service/endpoint/v3/eds.proto', 'google/protobuf/any.proto']),
      );
      expect(await ask({ $case: 'fileContainingSymbol', value: 'no.Such' })).toMatchObject({
        $case: 'errorResponse',
        value: { errorCode: status.NOT_FOUND },
      });
      call.end();
      await new Promise((resolve) => call.once('end', resolve).resume());
    },
  );

  it('counts calls, their errors by code and their time, whatever the serializers', async () => {
    const { metrics, address, use } = await start(
      (s) =>
        s.add(echo, {
          echo: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
            if (call.request.toString() === 'late') return;
            if (call.request.toString() === 'bad') done({ code: status.INVALID_ARGUMENT, details: 'bad' });
            else done(null, call.request);
          },
        }),
      1_000,
    );
    const client = use(new Client(address, insecure, clientOptions()));
    expect(await callEcho(client, Buffer.from('hi'))).toEqual(Buffer.from('hi'));
    await expect(callEcho(client, Buffer.from('bad'))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(callEcho(client, Buffer.alloc(1_001))).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await expect(callEcho(client, Buffer.from('late'), 50)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });

    const labels = { grpc_type: 'unary', grpc_service: 'test.Echo', grpc_method: 'Echo' };
    await eventually(async () => {
      expect(await sample(metrics, 'grpc_server_requests_total')).toEqual([{ ...labels, value: 4 }]);
      const errors = await sample(metrics, 'grpc_server_errors_total');
      expect(errors).toEqual(
        expect.arrayContaining([
          { ...labels, grpc_code: 'INVALID_ARGUMENT', value: 1 },
          { ...labels, grpc_code: 'RESOURCE_EXHAUSTED', value: 1 },
        ]),
      );
      // Client and server race to notice the deadline.
      expect(errors).toHaveLength(3);
    });
    const text = await metrics.metrics();
    expect(text).toMatch(/grpc_server_request_duration_seconds_bucket\{le="0.1",[^}]*grpc_method="Echo"\} [34]/);
    expect(text).toMatch(/grpc_server_request_duration_seconds_count\{[^}]*\} 4/);
  });

  it('counts a stream that its client cancels as no error', async () => {
    const { metrics, address, use } = await start((s) => s.add(HealthServiceService, { watchHealth: () => undefined }));
    const stream = use(new HealthServiceClient(address, insecure, clientOptions())).watchHealth({ client: 'test' });
    stream.on('error', () => undefined);
    await eventually(async () => expect(await sample(metrics, 'grpc_server_requests_total')).toHaveLength(1));
    stream.cancel();
    await eventually(async () =>
      expect(await metrics.metrics()).toMatch(/duration_seconds_count\{grpc_type="server_stream".*\} 1/),
    );
    expect(await sample(metrics, 'grpc_server_errors_total')).toEqual([]);
  });

  it('lets a running call finish when it closes, and ends streams at once', async () => {
    let answer: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let entered: () => void = () => undefined;
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const { server, address, use } = await start((s) => {
      s.add(HealthServiceService, { watchHealth: () => undefined });
      s.add(echo, {
        echo: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
          entered();
          void running.then(() => done(null, call.request));
        },
      });
    });
    const stream = use(new HealthServiceClient(address, insecure, clientOptions())).watchHealth({ client: 'test' });
    const ended = new Promise((resolve) => stream.once('error', resolve));
    const call = callEcho(use(new Client(address, insecure, clientOptions())), Buffer.from('x'));
    await inside;
    let closed = false;
    const closing = server.close().then(() => (closed = true));
    expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
    expect(closed).toBe(false);
    answer();
    expect(await call).toEqual(Buffer.from('x'));
    await closing;
  });

  it('says which address it cannot have', async () => {
    const { address } = await start(() => undefined);
    const second = createRpcServer({ log: silent, metrics: new Registry() });
    await expect(second.listen(address)).rejects.toThrow(`cannot serve gRPC on ${address}`);
    await second.close();
  });
});

async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
