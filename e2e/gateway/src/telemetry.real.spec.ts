import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GenericObject, Resource } from '@tsgateway/kube';
import { request } from 'undici';
import type { Backend } from './harness/backend.ts';
import { editEnvoyGatewayConfig } from './harness/envoy-gateway.ts';
import { ask, fire, SteadyLoad } from './harness/load.ts';
import { repository, type Stack, type StackOptions, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';
import { issue, makeCa, type Pair } from './scenarios/certificates.ts';
import { untilRolledOut } from './scenarios/first-rollout.ts';
import { httpRoute, machineAt, servicesOf, to } from './scenarios/manifests.ts';

// What Envoys tell of their requests: counts by LRS, which end in a status, and flows by the access log, which end in
// metrics. First in plain text, then with TLS on every port.

const origin = urlOf(80);
const gateway = 'default/envoy-gateway';
const host = 'counted.test';
const longDeadlineMs = 180_000;
const ours = { group: 'gateway.tailscale.com', version: 'v1alpha1', namespaced: true } as const;
const tailscaleServices: Resource<GenericObject> = {
  ...{ ...ours, plural: 'tailscaleservices', kind: 'TailscaleServices' },
};
const tailscaleEndpoints: Resource<GenericObject> = {
  ...{ ...ours, plural: 'tailscaleendpoints', kind: 'TailscaleEndpoints' },
};
interface Status {
  readonly loadBalancingStatus?: {
    readonly requestCounts?: Readonly<Record<string, number>>;
    readonly endpointWeights?: Readonly<Record<string, number>>;
  };
}
const fastCheck = { interval: '100ms', timeout: '100ms', healthyThreshold: 1, unhealthyThreshold: 1 };

/** A stack with one service of two machines, `counted-0` and `counted-1`, and a route to it. */
class Counted {
  readonly stack: Stack;
  readonly backends: readonly Backend[];

  static async start(options: StackOptions, prepare: (stack: Stack) => Promise<void> = async () => {}) {
    const stack = await startStack(options);
    try {
      await prepare(stack);
      const backends = await Promise.all([0, 1].map((i) => stack.startBackend(`counted-${i}`)));
      for (const file of ['gateway.yaml', 'tailnet.yaml']) {
        await stack.kubectl.applyFile(join(repository, 'examples/quickstart', file));
      }
      await stack.kubectl.apply(
        ...backends.map(({ address }, i) => machineAt(address, `counted-${i}`, { of: 'counted' })),
        machineAt('127.0.0.1:1', 'counted-idle', { of: 'nobody' }),
        servicesOf('counted', 'default', { loadBalancing: { strategy: 'round-robin', healthCheck: fastCheck } }),
        httpRoute('counted', [{ backendRefs: [to.services('counted')] }]),
      );
      await stack.proxy(gateway);
      await untilRolledOut({ origin, host });
      return new Counted(stack, backends);
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  #idle = false;

  private constructor(stack: Stack, backends: readonly Backend[]) {
    this.stack = stack;
    this.backends = backends;
  }

  /**
   * The requests in the status, over all groups, as of now. Counts are written together with another change, so one is
   * made: a machine that nobody reaches comes, or goes. (With a machine that serves, its last counts would go.)
   */
  async inStatus(): Promise<number> {
    const { client } = this.stack;
    this.#idle = !this.#idle;
    const labels = { service: this.#idle ? 'counted' : 'nobody' };
    await client.patch(
      tailscaleEndpoints,
      { namespace: 'default', name: 'counted-idle' },
      { type: 'merge', body: { metadata: { labels } } },
    );
    return until(
      async () => {
        const object = await client.get(tailscaleServices, { namespace: 'default', name: 'counted' });
        const { loadBalancingStatus: status } = object['status'] as Status;
        const groups = Object.keys(status?.endpointWeights ?? {}).length;
        if (groups !== (this.#idle ? 3 : 2)) return undefined;
        return Object.values(status?.requestCounts ?? {}).reduce((sum, count) => sum + count, 0);
      },
      { what: 'the status is written' },
    );
  }

  /** Waits until the status says so many, and no more. */
  async untilInStatus(requests: number): Promise<void> {
    await until(
      async () => {
        const found = await this.inStatus();
        if (found >= requests) return true;
        throw new Error(`the status says ${found} of ${requests}`);
      },
      { what: 'every request is in the status', deadlineMs: 30_000, everyMs: 500 },
    );
    expect(await this.inStatus()).toBe(requests);
  }

  /** Waits for so many more reports of every Envoy: what is in the first of a cluster, Envoy does not count. */
  async untilReported(reports: number): Promise<void> {
    const total = () => this.stack.metric('extension-server', 'extension_server_load_reports_total');
    const wanted = (await total()) + reports * this.stack.node.proxies(gateway).length;
    await until(async () => (await total()) >= wanted, { what: `${reports} reports each`, deadlineMs: 40_000 });
  }

  flows(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return this.stack.metric('extension-server', name, labels);
  }
}

describe('in plain text', () => {
  let counted: Counted;
  let stack: Stack;

  beforeAll(async () => {
    counted = await Counted.start({});
    stack = counted.stack;
    // The operator's own EnvoyProxy is anybody's to add to.
    await stack.kubectl.run(
      ...['patch', 'envoyproxy', '-n', 'default', 'tailscale-gateway-envoy-gateway', '--type=merge', '-p'],
      JSON.stringify({ spec: { provider: { type: 'Kubernetes', kubernetes: { envoyDeployment: { replicas: 2 } } } } }),
    );
    await until(
      async () => {
        const proxies = stack.node.proxies(gateway);
        if (proxies.length !== 2) return false;
        await Promise.all(proxies.map((proxy) => proxy.ready(1_000)));
        return true;
      },
      { what: 'two Envoys serve the Gateway', deadlineMs: 40_000, everyMs: 200 },
    );
  }, startDeadlineMs);

  afterAll(() => counted?.stack.stop(), 60_000);

  /** Sends requests on many connections, so that both Envoys get some. */
  const send = async (requests: number) => {
    const result = await fire({ origin, host }, { requests, concurrency: 64 });
    expect(result.failures).toEqual([]);
  };

  it(
    'the status counts every request of two Envoys over two extension servers, also after one of these was restarted',
    async () => {
      // What comes before an Envoy's first report of a cluster, it does not count.
      await counted.untilReported(2);
      await send(1_000);
      await counted.untilReported(2);
      const shared = await Promise.all(
        stack.node.proxies(gateway).map((p) => p.stat(/cluster\.tsgateway\/default\/counted\/80\.upstream_rq_total/)),
      );
      expect(Math.min(...shared)).toBeGreaterThan(0);
      const before = await counted.inStatus();
      expect(before).toBeGreaterThanOrEqual(1_000);
      process.stderr.write(`requests by Envoy: ${shared.join(', ')}; in the status: ${before}\n`);

      await send(2_000);
      await counted.untilInStatus(before + 2_000);

      const [server] = stack.services['extension-server'];
      await server?.kill();
      await send(1_500);
      await server?.start();
      await send(500);
      await counted.untilInStatus(before + 4_000);
    },
    longDeadlineMs,
  );

  it(
    'the metrics of flows count each request once; one that is cut is an error; the log to stdout stays',
    async () => {
      const success = () => counted.flows('flows_task_total', { status: 'success' });
      const before = await success();
      await send(1_000);
      await until(async () => (await success()) === before + 1_000, {
        what: 'every flow is counted',
        deadlineMs: 20_000,
      });
      expect(await counted.flows('flow_missing_started')).toBe(0);
      expect(await counted.flows('flow_missing_socket')).toBe(0);
      expect(await counted.flows('flow_msgs_lost')).toBe(0);

      const [cut, errors] = [
        await counted.flows('resetconn_msgs'),
        await counted.flows('flows_task_total', { status: 'error' }),
      ];
      for (const backend of counted.backends) await backend.behave({ latencyMs: 5_000 });
      await expect(request(`${origin}/`, { headers: { host }, signal: AbortSignal.timeout(500) })).rejects.toThrow();
      for (const backend of counted.backends) await backend.behave({ latencyMs: 0 });
      await until(async () => (await counted.flows('resetconn_msgs')) === cut + 1, { what: 'the cut flow is counted' });
      expect(await counted.flows('flows_task_total', { status: 'error' })).toBe(errors + 1);

      // Envoy Gateway's own log is where it always was.
      const logs = await Promise.all(stack.node.proxies(gateway).map((p) => readFile(p.logFile, 'utf8')));
      expect(logs.join('').match(/"route_name":"httproute\/default\/counted/g)?.length).toBeGreaterThanOrEqual(1_000);
    },
    longDeadlineMs,
  );

  it(
    'no request notices that nobody takes the log',
    async () => {
      let answers = 0;
      const load = new SteadyLoad({ origin, host, onAnswer: () => void answers++ }, { perSecond: 200 });
      const servers = stack.services['extension-server'];
      await Promise.all(servers.map((server) => server.kill()));
      const from = answers;
      await until(() => answers >= from + 2_000, { what: '2,000 requests without a server', deadlineMs: 60_000 });
      await Promise.all(servers.map((server) => server.start()));
      const again = async () => (await counted.flows('flows_task_total', { status: 'success' })) > 0;
      await until(again, { what: 'flows are counted again', deadlineMs: 30_000 });
      const result = await load.stop();
      process.stderr.write(`without extension servers: ${result.requests} requests, p99 ${result.p99Ms} ms\n`);
      expect(result.failures).toEqual([]);
    },
    longDeadlineMs,
  );
});

describe('with TLS on every port of the extension servers', () => {
  const names = ['tailscale-gateway-extension-server.tailscale-gateway-system.svc'];
  let counted: Counted;
  let files: string;
  let ca: Pair;

  const mount = async ({ cert, key }: Pair) => {
    for (const dir of ['hooks', 'xds']) {
      await mkdir(join(files, dir), { recursive: true });
      await writeFile(join(files, dir, 'tls.key'), key);
      await writeFile(join(files, dir, 'tls.crt'), cert);
    }
  };

  beforeAll(async () => {
    files = await mkdtemp(join(tmpdir(), 'gateway-e2e-tls-'));
    ca = await makeCa('e2e');
    await mount(await issue(ca, names));
    const caFile = join(files, 'ca.crt');
    await writeFile(caFile, ca.cert);
    counted = await Counted.start(
      {
        env: {
          'extension-server': {
            HOOKS_TLS_DIR: join(files, 'hooks'),
            XDS_TLS_DIR: join(files, 'xds'),
            GRPC_MAX_CONNECTION_AGE: '8s',
          },
          operator: { EXTENSION_SERVER_CA_FILE: caFile, XDS_CA_FILE: caFile },
        },
      },
      async (stack) => {
        const secret = { name: 'extension-server-ca', namespace: 'envoy-gateway-system' };
        await stack.kubectl.apply({
          ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: secret },
          // Where Envoy Gateway looks for the CA; a Secret of this type wants a key, too, which it does not read.
          stringData: { 'tls.crt': ca.cert, 'tls.key': '' },
        });
        await editEnvoyGatewayConfig(stack.workDir, (config) => {
          Object.assign(config.extensionManager.service, { tls: { certificateRef: secret } });
        });
        await stack.envoyGateway.stop();
        await stack.envoyGateway.start();
      },
    );
  }, startDeadlineMs);

  afterAll(async () => {
    await counted?.stack.stop();
    if (files !== undefined) await rm(files, { recursive: true });
  }, 60_000);

  /** The serial number of the certificate that a new connection is shown. */
  const shown = (port: number) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ALPNProtocols: ['h2'] }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });

  it(
    'routes, endpoints, counts and flows work, and go on when the certificate is renewed under them',
    async () => {
      const { stack } = counted;
      const ports = stack.services['extension-server'].flatMap(({ ports: { grpc, xds } }) => [grpc, xds]);
      const load = new SteadyLoad({ origin, host }, { perSecond: 50 });
      const next = await issue(ca, names);
      await mount(next);
      const { serialNumber } = new X509Certificate(next.cert);
      await until(async () => (await Promise.all(ports.map(shown))).every((serial) => serial === serialNumber), {
        what: 'every port shows the new certificate',
        deadlineMs: 20_000,
      });

      // A translation, over a connection of Envoy Gateway that is younger than the certificate: none gets older than 8 s.
      await stack.kubectl.apply(httpRoute('renewed', [{ backendRefs: [to.endpoints('counted-0')] }]));
      await until(async () => (await ask({ origin, host: 'renewed.test' })).backend === 'counted-0', {
        what: 'a new route is served',
        deadlineMs: 20_000,
      });
      const flows = await counted.flows('flows_task_total', { status: 'success' });
      await until(async () => (await counted.flows('flows_task_total', { status: 'success' })) > flows, {
        what: 'flows are counted',
        deadlineMs: 20_000,
      });
      await until(async () => (await counted.inStatus()) > 0, {
        what: 'requests are in the status',
        deadlineMs: 30_000,
        everyMs: 500,
      });
      const result = await load.stop();
      process.stderr.write(`over TLS: ${result.requests} requests, ${result.failures.length} failures\n`);
      expect(result.failures).toEqual([]);
    },
    longDeadlineMs,
  );
});
