import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { credentials } from '@grpc/grpc-js';
import type { GenericObject, Resource } from '@tsgateway/kube';
import { HealthServiceClient, type HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { type Backend } from './harness/backend.ts';
import { type Example, readExamples } from './harness/example.ts';
import { ask, fire, type LoadResult, SteadyLoad } from './harness/load.ts';
import { machineAddress } from './harness/ports.ts';
import type { Proxy } from './harness/proxy.ts';
import { type Stack, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';

const gateway = 'default/envoy-gateway';
const origin = urlOf(80);
/** For 50,000 requests, or 50 failures, on a busy machine. */
const manyDeadlineMs = 120_000;
const examples = new Map(readExamples().map((example) => [example.name, example]));
const endpoints: Resource<GenericObject> = {
  group: 'gateway.tailscale.com',
  version: 'v1alpha1',
  plural: 'tailscaleendpoints',
  kind: 'TailscaleEndpoints',
  namespaced: true,
};

let stack: Stack;
let proxy: Proxy;
/** The demo backends of all examples, by name. */
const backends = new Map<string, Backend>();

beforeAll(async () => {
  stack = await startStack();
  const wanted = new Map([...examples.values()].flatMap((example) => [...example.backends]));
  await Promise.all(
    [...wanted].map(async ([port, name]) => backends.set(name, await stack.startBackend(name, { port }))),
  );
  await stack.kubectl.applyFile(example('quickstart').folder);
  proxy = await stack.proxy(gateway);
  await stack.kubectl.delete(...example('quickstart').own);
}, startDeadlineMs);

afterAll(() => stack?.stop());

function example(name: string): Example {
  const found = examples.get(name);
  if (!found) throw new Error(`there is no example ${name}`);
  return found;
}

function backend(name: string): Backend {
  const found = backends.get(name);
  if (!found) throw new Error(`no example has a backend ${name}`);
  return found;
}

/** Applied, and what it added removed after the test. */
let applied: readonly object[] = [];
afterEach(async () => {
  await Promise.all([...backends.values()].map((b) => b.behave({ healthy: true, latencyMs: 0, status: 200 })));
  await stack.kubectl.delete(...applied);
  applied = [];
  await until(async () => (await ask({ origin })).status === 404, { what: 'no route is left' });
});

async function applyExample(name: string): Promise<void> {
  applied = example(name).own;
  await stack.kubectl.applyFile(example(name).folder);
  await untilServed('/');
}

const untilServed = (path: string) =>
  until(async () => (await ask({ origin, path })).status === 200, { what: `${path} is served` });

/** Percent of the answers, by backend. */
function shares({ requests, byBackend }: LoadResult): Record<string, number> {
  return Object.fromEntries([...byBackend].map(([name, count]) => [name, (100 * count) / requests]));
}

/** Every backend has its share, to `points` percentage points. */
function expectShares(result: LoadResult, expected: Record<string, number>, points: number): void {
  expect(result.failures).toEqual([]);
  const found = shares(result);
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, share] of Object.entries(expected)) {
    expect({ name, share: found[name], close: Math.abs((found[name] ?? 0) - share) <= points }).toMatchObject({
      close: true,
    });
  }
}

describe('each example, applied with kubectl, serves through Envoy', () => {
  it('round-robin: each machine in turn', async () => {
    await applyExample('round-robin');
    const third = 100 / 3;
    expectShares(
      await fire({ origin }, { requests: 3_000 }),
      { 'web-east-0': third, 'web-east-1': third, 'web-west-0': third },
      1,
    );
  });

  it(
    'weighted: 70, 20 and 10 percent, to one percentage point of 50,000 requests',
    async () => {
      await applyExample('weighted');
      // A group's share is its weight, however many machines it has.
      const result = await fire({ origin }, { requests: 50_000 });
      expectShares(result, { 'web-east-0': 35, 'web-east-1': 35, 'web-west-0': 20, 'web-backup-0': 10 }, 1);
    },
    manyDeadlineMs,
  );

  it('least-connections: a slow machine gets few requests', async () => {
    await applyExample('least-connections');
    await backend('web-east-1').behave({ latencyMs: 100 });
    const result = await fire({ origin }, { requests: 3_000 });
    expect(result.failures).toEqual([]);
    expect(shares(result)['web-east-1']).toBeLessThan(10);
  });

  it('failover: the secondary serves while no primary is healthy, and users notice neither change', async () => {
    await applyExample('failover');
    expectShares(await fire({ origin }, { requests: 1_000 }), { 'api-east-0': 50, 'api-west-0': 50 }, 2);

    let last = '';
    const load = new SteadyLoad({ origin, onAnswer: (name) => (last = name) }, { perSecond: 100 });
    const primaries = ['api-east-0', 'api-west-0'].map(backend);
    for (const primary of primaries) await primary.behave({ healthy: false });
    await until(() => last === 'api-central-0', { what: 'the secondary serves' });
    for (const primary of primaries) await primary.behave({ healthy: true });
    await until(() => last.startsWith('api-east') || last.startsWith('api-west'), { what: 'a primary serves again' });
    expect((await load.stop()).failures).toEqual([]);
  });

  it('quickstart: two services behind one Gateway', async () => {
    await applyExample('quickstart');
    await untilServed('/api');
    expectShares(await fire({ origin, path: '/api/x' }, { requests: 500 }), { 'api-east-0': 50, 'api-west-0': 50 }, 3);
    const web = await fire({ origin, path: '/' }, { requests: 5_000 });
    expectShares(web, { 'web-east-0': 35, 'web-east-1': 35, 'web-west-0': 20, 'web-backup-0': 10 }, 3);
  });
});

/** A TailscaleServices of its own with a fast health check, its endpoints, and a route to it. */
function service(name: string, machines: readonly Backend[]): object[] {
  const own = { namespace: 'default', labels: { service: name } };
  return [
    ...machines.map((machine, i) => ({
      apiVersion: 'gateway.tailscale.com/v1alpha1',
      kind: 'TailscaleEndpoints',
      metadata: { ...own, name: `${name}-${i}` },
      spec: {
        tailnet: 'demo',
        endpoints: [
          {
            name: 'machine',
            tailscaleIP: `100.64.9.${i + 1}`,
            tailscaleFQDN: `${name}-${i}.demo.ts.net`,
            port: 80,
            protocol: 'HTTP',
            externalTarget: machine.address,
          },
        ],
      },
    })),
    {
      apiVersion: 'gateway.tailscale.com/v1alpha1',
      kind: 'TailscaleServices',
      metadata: { ...own, name },
      spec: {
        selector: { matchLabels: { service: name } },
        vipService: { name: `svc:${name}`, ports: ['tcp:80'], tags: ['tag:demo'] },
        loadBalancing: {
          strategy: 'round-robin',
          healthCheck: { interval: '100ms', timeout: '100ms', healthyThreshold: 1, unhealthyThreshold: 1 },
        },
      },
    },
  ];
}

function route(name: string, backendRefs: readonly object[]): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default' },
    spec: { parentRefs: [{ name: 'envoy-gateway' }], rules: [{ backendRefs }] },
  };
}

const toService = (name: string, weight = 1) => ({
  ...{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', name, port: 80, weight },
});

async function apply(...objects: readonly object[]): Promise<void> {
  applied = objects;
  await stack.kubectl.apply(...objects);
  await untilServed('/');
}

it(
  'a Service and a TailscaleServices share a rule 70 to 30, to one percentage point of 50,000 requests',
  async () => {
    const [pod, machine] = await Promise.all([
      stack.startBackend('pod', { host: machineAddress() }),
      stack.startBackend('machine'),
    ]);
    await apply(
      // A Service without selector: its endpoints are written by hand.
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'pods', namespace: 'default' },
        spec: { ports: [{ port: 80 }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'pods-0', namespace: 'default', labels: { 'kubernetes.io/service-name': 'pods' } },
        addressType: 'IPv4',
        ports: [{ port: pod.port, protocol: 'TCP' }],
        endpoints: [{ addresses: [machineAddress()], conditions: { ready: true } }],
      },
      ...service('mixed', [machine]),
      route('mixed', [{ name: 'pods', port: 80, weight: 70 }, toService('mixed', 30)]),
    );
    await until(async () => (await ask({ origin })).backend === 'machine', { what: 'both serve' });
    expectShares(await fire({ origin }, { requests: 50_000 }), { pod: 70, machine: 30 }, 1);
  },
  manyDeadlineMs,
);

describe('what goes past Envoy Gateway', () => {
  const cluster = 'tsgateway/default/fast/80';
  const isIn = async (machine: Backend) =>
    ((await proxy.endpoints(cluster)) ?? []).some((e) => e.address === machine.address && e.healthy);
  const hookCalls = () =>
    stack.metric('extension-server', 'grpc_server_requests_total', {
      grpc_service: 'envoygateway.extension.EnvoyGatewayExtension',
    });
  /** What was applied may ask for one more translation up to a second later. @returns the calls until then */
  const callsOnceQuiet = async () => {
    let seen = { calls: -1, atMs: 0 };
    return until(
      async () => {
        const calls = await hookCalls();
        if (calls !== seen.calls) seen = { calls, atMs: Date.now() };
        return Date.now() - seen.atMs > 2_000 && calls;
      },
      { what: 'no translation for two seconds', deadlineMs: 30_000, everyMs: 100 },
    );
  };
  let machines: Backend[];

  beforeAll(async () => {
    machines = await Promise.all([0, 1].map((i) => stack.startBackend(`fast-${i}`)));
  });

  it('a label takes a machine into the service, and out of it, within a second', async () => {
    const [first, second] = machines as [Backend, Backend];
    await apply(...service('fast', [first, second]), route('fast', [toService('fast')]));
    await until(() => isIn(second), { what: 'both are in' });
    const calls = await callsOnceQuiet();

    const times: number[] = [];
    for (const label of ['other', 'fast', 'other', 'fast']) {
      const start = performance.now();
      await stack.client.patch(
        endpoints,
        { namespace: 'default', name: 'fast-1' },
        { type: 'merge', body: { metadata: { labels: { service: label } } } },
      );
      await until(async () => (await isIn(second)) === (label === 'fast'), { what: `label ${label}`, everyMs: 2 });
      times.push(performance.now() - start);
    }
    report('label to Envoy', times);
    expect(Math.max(...times)).toBeLessThan(1_000);
    expect(await hookCalls()).toBe(calls);
  });

  it(
    'an unhealthy machine is out of rotation 50 ms after its transition, without a translation',
    async () => {
      const [first, second] = machines as [Backend, Backend];
      await apply(...service('fast', [first, second]), route('fast', [toService('fast')]));
      await until(() => isIn(second), { what: 'both are in' });
      const checker = watchHealth(second);
      const calls = await callsOnceQuiet();

      // From the checker's own time of the transition, as it reports it, to the moment when Envoy's main thread has it.
      // Both are of this machine's clock, to a millisecond.
      const times: number[] = [];
      try {
        for (let i = 0; i < 50; i++) {
          const askedAt = Date.now();
          await second.behave({ healthy: false });
          const outAt = await until(async () => !(await isIn(second)) && Date.now(), { what: 'it is out', everyMs: 1 });
          const turnedAt = await until(() => checker.unhealthySince(askedAt), { what: 'the checker says so' });
          times.push(outAt - turnedAt);
          await second.behave({ healthy: true });
          await until(() => isIn(second), { what: 'it is back', everyMs: 5 });
        }
      } finally {
        checker.close();
      }
      report('transition to Envoy', times);
      expect(quantile(times, 0.99)).toBeLessThanOrEqual(50);
      expect(await hookCalls()).toBe(calls);
    },
    manyDeadlineMs,
  );

  /** Follows a health checker, as the extension servers do. */
  function watchHealth(machine: Backend) {
    const port = stack.services['health-checker'][0]?.ports.grpc ?? 0;
    const client = new HealthServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const stream = client.watchHealth({ client: 'e2e' });
    let last: { healthy: boolean; atMs: number } | undefined;
    stream.on('data', (update: HealthUpdate) => {
      const target = update.targets.find((t) => t.target.includes(`:${machine.port}`));
      const transition = target?.transitions.at(-1);
      if (transition) last = { healthy: transition.healthy, atMs: Number(transition.atMs) };
    });
    stream.on('error', () => undefined); // it ends with the client
    return {
      /** When it became unhealthy, in Unix ms; undefined where that was not after `sinceMs`. */
      unhealthySince: (sinceMs: number) => (last?.healthy === false && last.atMs >= sinceMs ? last.atMs : undefined),
      close: () => {
        stream.cancel();
        client.close();
      },
    };
  }
});

function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

/** Figures are worth reading also where they are good. */
function report(what: string, times: readonly number[]): void {
  const [p50, p99] = [0.5, 0.99].map((q) => Math.round(quantile(times, q)));
  process.stderr.write(`${what}: p50 ${p50} ms, p99 ${p99} ms of ${times.length}\n`);
}
