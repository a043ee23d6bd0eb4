import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { ApiServer, StartApiServer } from '@tsgateway/embedded-kube';
import { startTailnetApi, type RunningTailnetApi } from '@tsgateway/embedded-tailnet';
import { KubeClient, leases, type GenericObject, type Resource } from '@tsgateway/kube';
import { HealthCheckResponse_ServingStatus, HealthClient } from '@tsgateway/protos/grpc/health/v1/health';
import { CoordinatorServiceClient } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { CLIENT, detachRequest, ensureRequest, TAILNET, until } from './bench.ts';

const MAIN = join(import.meta.dirname, '../../../../dist/apps/service-coordinator/main.js');
const SERVICE = 'tsgateway.v1alpha1.CoordinatorService';
const LEASE = { namespace: 'tailscale-gateway-system', name: 'tailscale-gateway-service-coordinator' };

const secrets: Resource = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true };
const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };

/** The built service as a process of its own. */
class Running {
  readonly lines: Record<string, unknown>[] = [];
  stderr = '';
  readonly process: ChildProcess;

  constructor(env: Record<string, string>) {
    this.process = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        BIND_HOST: '127.0.0.1',
        GRPC_PORT: '0',
        METRICS_BIND_ADDRESS: ':0',
        HEALTH_PROBE_BIND_ADDRESS: ':0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    if (this.process.stdout) {
      createInterface(this.process.stdout).on('line', (line) =>
        this.lines.push(JSON.parse(line) as Record<string, unknown>),
      );
    }
  }

  async line(msg: string): Promise<Record<string, unknown>> {
    const find = () => this.lines.find((line) => line['msg'] === msg);
    await until(`"${msg}" in the log; stderr: ${this.stderr}`, () => find() !== undefined);
    return find() ?? {};
  }

  async address(): Promise<string> {
    return `127.0.0.1:${String((await this.line('Starting ServiceCoordinator'))['port'])}`;
  }

  async http(variable: string, path: string): Promise<Response> {
    const [address] = (await this.line(`Listening (${variable})`))['addresses'] as string[];
    return fetch(`http://${address}${path}`);
  }

  async stop(): Promise<number | null> {
    if (this.process.exitCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
    return this.process.exitCode;
  }
}

/** A unary call as a promise of its answer, or of its status code, details and `error-code`. */
function call<Q, R>(
  method: (request: Q, callback: (error: ServiceError | null, response: R) => void) => unknown,
  request: Q,
): Promise<R | { code: number; details: string; errorCode: unknown }> {
  return new Promise((resolve) =>
    method(request, (error, response) =>
      resolve(
        error ? { code: error.code, details: error.details, errorCode: error.metadata.get('error-code')[0] } : response,
      ),
    ),
  );
}

/**
 * The built service coordinator as a process, against an API server and the embedded tailnet API. Registers its tests
 * with jest.
 */
export function coordinatorSuite(startApiServer: StartApiServer): void {
  let kube: ApiServer;
  let cluster: KubeClient;
  let tailnet: RunningTailnetApi;
  let directory: string;
  let leader: Running;
  let client: CoordinatorServiceClient;
  const others: Running[] = [];
  const env = () => ({ KUBECONFIG: join(directory, 'kubeconfig'), TAILSCALE_API_URL: tailnet.url });

  const credential = (name: string, stringData: Record<string, string>): Promise<GenericObject> =>
    cluster.create(secrets, { metadata: { namespace: 'system', name }, stringData } as GenericObject);

  const serving = async (of: Running): Promise<number> => {
    const health = new HealthClient(await of.address(), credentials.createInsecure());
    const answer = await new Promise<number>((resolve) =>
      health.check({ service: SERVICE }, (error, response) => resolve(error ? -1 : response.status)),
    );
    health.close();
    return answer;
  };

  beforeAll(async () => {
    kube = await startApiServer();
    tailnet = await startTailnetApi({ clients: [CLIENT] });
    directory = await mkdtemp(join(tmpdir(), 'coordinator-'));
    const kubeconfigPath = join(directory, 'kubeconfig');
    await writeFile(kubeconfigPath, kube.kubeconfig());
    cluster = KubeClient.connect({ kubeconfigPath, userAgent: 'spec' });
    await cluster.create(namespaces, { metadata: { name: 'system' } });
    await credential('oauth', { 'client-id': CLIENT.id, 'client-secret': CLIENT.secret });
    leader = new Running({ ...env(), POD_NAME: 'coordinator-0' });
    client = new CoordinatorServiceClient(await leader.address(), credentials.createInsecure());
    await until('it leads', async () => (await serving(leader)) === HealthCheckResponse_ServingStatus.SERVING);
  });

  afterAll(async () => {
    client.close();
    await Promise.all([leader, ...others].map((one) => one.stop()));
    await cluster.close();
    await Promise.all([kube.close(), tailnet.close(), rm(directory, { recursive: true })]);
  });

  it('describes, ensures and detaches over gRPC', async () => {
    tailnet.state.addDevice({ hostname: 'a' });
    const described = await call(client.describeTailnet.bind(client), { tailnet: TAILNET });
    const { resourceVersion } = (await cluster.get(secrets, { namespace: 'system', name: 'oauth' })).metadata;
    expect(described).toMatchObject({ magicDnsSuffix: 'example.ts.net', secretVersion: resourceVersion });

    const ensured = await call(client.ensure.bind(client), ensureRequest());
    expect(ensured).toMatchObject({ created: true, ownerOperator: 'east', dnsName: 'web.example.ts.net' });
    const metrics = await (await leader.http('METRICS_BIND_ADDRESS', '/metrics')).text();
    expect(metrics).toMatch(/^service_coordinator_services_total 1$/m);
    expect(metrics).toMatch(/^tailnet_api_requests_total\{operation="put service",outcome="ok"\} 1$/m);

    expect(await call(client.detach.bind(client), detachRequest())).toMatchObject({ deleted: true });
    expect(tailnet.state.service('svc:web')).toBeUndefined();
  });

  it('answers mistakes with their status code', async () => {
    const ensure = client.ensure.bind(client);
    expect(await call(ensure, ensureRequest({ tailnet: { ...TAILNET, secretName: 'none' } }))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'Secret system/none does not exist: create it',
      errorCode: 'secret-not-found',
    });
    await credential('half', { client_id: CLIENT.id });
    expect(await call(ensure, ensureRequest({ tailnet: { ...TAILNET, secretName: 'half' } }))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      errorCode: 'secret-invalid',
    });
    expect(await call(ensure, ensureRequest({ operatorId: '' }))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await call(ensure, ensureRequest({ attachOnly: true }))).toMatchObject({ code: status.NOT_FOUND });
    await credential('bad', { client_id: CLIENT.id, client_secret: 'wrong' });
    expect(await call(ensure, ensureRequest({ tailnet: { ...TAILNET, secretName: 'bad' } }))).toMatchObject({
      code: status.UNAUTHENTICATED,
    });
    expect(leader.lines.some((line) => String(line['logger']).includes('ServiceCoordinator'))).toBe(true);
    expect(JSON.stringify(leader.lines)).not.toContain(CLIENT.secret);
  });

  it('stands by while another leads, and takes over when that one ends', async () => {
    const standby = new Running({ ...env(), POD_NAME: 'coordinator-1' });
    others.push(standby);
    const other = new CoordinatorServiceClient(await standby.address(), credentials.createInsecure());
    await until('it is up', async () => (await standby.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz')).ok);

    expect(await serving(standby)).toBe(HealthCheckResponse_ServingStatus.NOT_SERVING);
    expect(await call(other.ensure.bind(other), ensureRequest())).toMatchObject({ code: status.UNAVAILABLE });

    expect(await leader.stop()).toBe(0);
    await until('it leads', async () => (await serving(standby)) === HealthCheckResponse_ServingStatus.SERVING);
    expect((await cluster.get(leases, LEASE)).spec?.holderIdentity).toMatch(/^coordinator-1_/);
    expect(await call(other.ensure.bind(other), ensureRequest())).toMatchObject({ created: true });
    other.close();
  });

  it('says in one line what is wrong with its configuration', async () => {
    const broken = new Running({ ...env(), TAILSCALE_API_URL: 'nowhere' });
    others.push(broken);
    await once(broken.process, 'exit');
    expect(broken.process.exitCode).toBe(1);
    expect(broken.stderr).toMatch(/^[^\n]*TAILSCALE_API_URL[^\n]*\n$/);
  });
}
