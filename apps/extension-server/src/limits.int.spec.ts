import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Client, credentials, Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { snapshotOf } from '@tsgateway/model';
import { HealthCheckResponse_ServingStatus as Serving, HealthClient } from '@tsgateway/protos/grpc/health/v1/health';
import { EnvoyGatewayExtensionService } from '@tsgateway/protos/proto/extension/service';
import { MeshModelServiceService, type ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { generate } from 'selfsigned';
import { ExtensionServerProcess, until } from './testing/extension-server-process.ts';

const hooksService = 'envoygateway.extension.EnvoyGatewayExtension';
const edsService = 'envoy.service.endpoint.v3.EndpointDiscoveryService';
const maxBytes = 16 * 2 ** 20;

/** A Translation request of this many bytes, which holds nothing of ours. */
function translationRequest(bytes: number): Buffer {
  // One cluster with nothing but a name: a field of a field, each with a length of four bytes.
  const length = (n: number) => [(n & 127) | 128, ((n >> 7) & 127) | 128, ((n >> 14) & 127) | 128, n >> 21];
  const name = bytes - 10;
  const head = Buffer.from([0x12, ...length(name + 5), 0x0a, ...length(name)]);
  return Buffer.concat([head, Buffer.alloc(name, 'a')]);
}

describe('the extension server: certificates, sizes, and a checker that is away', () => {
  const operator = new Server();
  let dir: string;
  let server: ExtensionServerProcess;
  let first: Awaited<ReturnType<typeof generate>>;
  let second: typeof first;
  let authority: typeof first;
  const clients: Client[] = [];

  const write = async (pair: { cert: string; private: string }) => {
    await writeFile(join(dir, 'tls.key'), pair.private);
    await writeFile(join(dir, 'tls.crt'), pair.cert);
  };
  const port = (service: string) => Number(server.address(service).split(':')[1]);
  const secure = () => credentials.createSsl(Buffer.from(authority.cert));
  const use = <C extends Client>(client: C): C => {
    clients.push(client);
    return client;
  };
  /** The name in the certificate that a new connection is shown. */
  const subject = (service: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { port: port(service), host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false };
      const socket = connect(options, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once('error', reject);
    });
  const serving = (client: HealthClient, service: string): Promise<Serving> =>
    new Promise((resolve, reject) =>
      client.check({ service }, (error, answer) => (error ? reject(error) : resolve(answer.status))),
    );

  beforeAll(async () => {
    authority = await generate([{ name: 'commonName', value: 'authority' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [
        { name: 'basicConstraints', cA: true },
        { name: 'keyUsage', keyCertSign: true },
      ],
    });
    const make = (value: string) =>
      generate([{ name: 'commonName', value }], {
        keyType: 'ec',
        algorithm: 'sha256',
        ca: { key: authority.private, cert: authority.cert },
        extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
      });
    [first, second] = await Promise.all([make('first'), make('second')]);
    dir = await mkdtemp(join(tmpdir(), 'tsgateway-extension-server-'));
    await write(first);
    operator.addService(MeshModelServiceService, {
      watchModel: (stream: ServerWritableStream<unknown, ModelUpdate>) => {
        // Port 9 of loopback: nobody answers.
        const checkers = { epoch: 1, addresses: ['127.0.0.1:9'] };
        stream.write(snapshotOf({ revision: 1n, services: new Map(), routes: new Map(), checkers }));
      },
    });
    const operatorPort = await new Promise<number>((resolve, reject) =>
      operator.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    server = new ExtensionServerProcess({
      ...{ OPERATOR_ADDRESS: `127.0.0.1:${operatorPort}`, MAX_MESSAGE_SIZE: '16Mi' },
      ...{ HOOKS_TLS_DIR: dir, XDS_TLS_DIR: dir },
    });
    await server.listening();
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    server.kill();
    operator.forceShutdown();
    await rm(dir, { recursive: true });
  });

  it('takes a message up to its limit, and refuses a larger one by its length alone', async () => {
    const options = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
    const client = use(new Client(server.address(hooksService), secure(), options));
    const same = (b: Buffer) => b;
    const { path } = EnvoyGatewayExtensionService.postTranslateModify;
    const call = (bytes: number): Promise<{ code: status; bytes: number; ms: number }> =>
      new Promise((resolve) => {
        const startedAt = performance.now();
        client.makeUnaryRequest(path, same, same, translationRequest(bytes), (error, response) => {
          const ms = performance.now() - startedAt;
          resolve({ code: error?.code ?? status.OK, bytes: response?.length ?? 0, ms });
        });
      });
    expect((await call(1000)).code).toBe(status.OK);
    const whole = await call(maxBytes);
    expect(whole).toMatchObject({ code: status.OK, bytes: maxBytes });
    const refused = await call(maxBytes + 1);
    expect(refused.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(refused.ms).toBeLessThan(whole.ms);
  });

  it('shows new certificates to new connections, and keeps what it has when they are no good', async () => {
    const open = use(new HealthClient(server.address(hooksService), secure()));
    expect(await serving(open, hooksService)).toBe(Serving.SERVING);
    await write(second);
    await until('both ports', () => server.logged('TLS certificate replaced').length === 2);
    expect(await Promise.all([subject(hooksService), subject(edsService)])).toEqual(['second', 'second']);
    expect(await serving(open, '')).toBe(Serving.SERVING);
    await writeFile(join(dir, 'tls.key'), first.private);
    const refused = 'New TLS certificate refused: the one before stays in use';
    await until('both refusals', () => server.logged(refused).length === 2);
    expect(await subject(edsService)).toBe('second');
  });

  it('says on the port of EDS alone that it does not hear a checker, and answers all the same', async () => {
    const [hooks, eds] = [hooksService, edsService].map((s) => use(new HealthClient(server.address(s), secure())));
    if (!hooks || !eds) throw new Error('no clients');
    const warning = 'A health checker is not heard: EDS reports NOT_SERVING';
    await until('the warning', () => server.logged(warning).length === 1);
    expect(await Promise.all([serving(eds, ''), serving(eds, edsService)])).toEqual([
      Serving.NOT_SERVING,
      Serving.NOT_SERVING,
    ]);
    expect(await serving(eds, 'envoy.service.load_stats.v3.LoadReportingService')).toBe(Serving.SERVING);
    expect(await serving(hooks, '')).toBe(Serving.SERVING);
    const metrics = await (await server.http('METRICS_BIND_ADDRESS', '/metrics')).text();
    expect(metrics).toMatch(/^extension_server_health_fresh 0$/m);
    expect((await server.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz')).status).toBe(200);
  });
});
