import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KubeClient } from '@tsgateway/kube';
import type { Backend } from './harness/backend.ts';
import { editEnvoyGatewayConfig } from './harness/envoy-gateway.ts';
import { ask } from './harness/load.ts';
import type { Proxy } from './harness/proxy.ts';
import { repository, type Stack, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';
import { gateway, httpRoutes, route, toService } from './scenarios/fleet.ts';

// What translations cost, and what must not cost one: calls of Envoy Gateway are counted, at the sizes where a cost shows.

const origin = urlOf(80);
const host = 'calls.test';
const routeCount = 1_000;
const services = Array.from({ length: 10 }, (_, i) => `service-${i}`);
/** Of each service, at addresses of one backend, so that they fail together. Another one is always healthy. */
const flapping = 10;
const rounds = 10;
const unsharedClusters = 2_000;
/** As many as an HTTPRoute may have. */
const rulesOfARoute = 16;
const manyDeadlineMs = 180_000;

let stack: Stack;
let proxy: Proxy;
/** Not held back, as a suite makes thousands of objects. */
let client: KubeClient;
const backends = new Map<string, Backend>();

beforeAll(async () => {
  stack = await startStack();
  client = KubeClient.connect({
    ...{ kubeconfigPath: stack.api.adminKubeconfig, userAgent: 'gateway-e2e', qps: 1_000, burst: 1_000 },
  });
  await Promise.all(
    [...services, 'steady'].map(async (name) => {
      backends.set(name, await stack.startBackend(name, { host: '0.0.0.0' }));
    }),
  );
  await stack.kubectl.applyFile(join(repository, 'examples/quickstart/tailnet.yaml'));
  await stack.kubectl.apply(...services.flatMap(serviceOf));
  await inParallel(routes(), (object) => client.create(httpRoutes, object));
  // With the Gateway last, all routes are one translation and not a hundred.
  await stack.kubectl.applyFile(join(repository, 'examples/quickstart/gateway.yaml'));
  proxy = await stack.proxy(gateway);
  await until(async () => (await healthyMachines()) === services.length * (flapping + 1), {
    what: 'all machines of all services are in',
    deadlineMs: 60_000,
    everyMs: 100,
  });
}, startDeadlineMs + 60_000);

afterAll(async () => {
  await client?.close();
  await stack?.stop();
});

const tell = (what: string, text: string) => void process.stderr.write(`${what}: ${text}\n`);

function portOf(name: string): number {
  const found = backends.get(name);
  if (!found) throw new Error(`there is no backend ${name}`);
  return found.port;
}

/** A TailscaleServices, with its machines. */
function serviceOf(name: string): object[] {
  const meta = { name, namespace: 'default' };
  const api = { apiVersion: 'gateway.tailscale.com/v1alpha1' };
  const addresses = [
    ...Array.from({ length: flapping }, (_, i) => `127.1.0.${i + 1}:${portOf(name)}`),
    `127.1.1.1:${portOf('steady')}`,
  ];
  return [
    {
      ...{ ...api, kind: 'TailscaleEndpoints', metadata: { ...meta, labels: { service: name } } },
      spec: {
        tailnet: 'demo',
        endpoints: addresses.map((externalTarget, i) => ({
          ...{ name: `machine-${i}`, tailscaleIP: `100.64.9.${i + 1}`, tailscaleFQDN: `${name}-${i}.demo.ts.net` },
          ...{ port: 80, protocol: 'HTTP', externalTarget },
        })),
      },
    },
    {
      ...{ ...api, kind: 'TailscaleServices', metadata: meta },
      spec: {
        selector: { matchLabels: { service: name } },
        vipService: { name: `svc:${name}`, ports: ['tcp:80'], tags: ['tag:demo'] },
        loadBalancing: {
          strategy: 'round-robin',
          healthCheck: { interval: '1s', timeout: '1s', healthyThreshold: 1, unhealthyThreshold: 1 },
        },
      },
    },
  ];
}

type Route = Parameters<typeof client.create<{ metadata: { name: string; namespace: string } }>>[1];

/** A thousand, one path each; each service has its share of them. */
const routes = () => Array.from({ length: routeCount }, (_, i) => routeTo(i, serviceFor(i)));
const serviceFor = (i: number) => services[i % services.length] ?? '';
const pathOf = (i: number) => `/route/${i}/`;
const routeTo = (i: number, service: string) =>
  route(`route-${i}`, { host, path: pathOf(i), backendRefs: [toService(service)] }) as Route;

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
    }),
  );
}

/** Our clusters in the proxy, with how many machines each sends requests to. */
async function ourClusters(): Promise<Map<string, number>> {
  const all = [...(await proxy.clusters())].filter(([name]) => name.startsWith('tsgateway/'));
  return new Map(all.map(([name, machines]) => [name, machines.filter(({ healthy }) => healthy).length]));
}

const healthyMachines = async () => [...(await ourClusters()).values()].reduce((sum, n) => sum + n, 0);

/** Calls of Envoy Gateway since the start. */
interface Calls {
  readonly all: number;
  readonly clusters: number;
  readonly translations: number;
}

async function calls(): Promise<Calls> {
  const count = (labels: Record<string, string>) =>
    stack.metric('extension-server', 'grpc_server_requests_total', {
      grpc_service: 'envoygateway.extension.EnvoyGatewayExtension',
      ...labels,
    });
  return {
    all: await count({}),
    clusters: await count({ grpc_method: 'PostClusterModify' }),
    translations: await count({ grpc_method: 'PostTranslateModify' }),
  };
}

/** Waits until Envoy Gateway has been silent for three seconds. */
async function callsOnceQuiet(): Promise<Calls> {
  let seen = { calls: await calls(), at: performance.now() };
  return until(
    async () => {
      const now = await calls();
      if (now.all !== seen.calls.all) seen = { calls: now, at: performance.now() };
      return performance.now() - seen.at > 3_000 && now;
    },
    { what: 'no call for three seconds', deadlineMs: 90_000, everyMs: 200 },
  );
}

const callsSince = (before: Calls, now: Calls): Calls => ({
  all: now.all - before.all,
  clusters: now.clusters - before.clusters,
  translations: now.translations - before.translations,
});

const text = ({ all, clusters, translations }: Calls) =>
  `${translations} translations, ${clusters} Cluster calls, ${all} calls in all`;

/** Edits one route so that another service answers its path, and waits until it does. */
async function moveRoute(i: number, service: string): Promise<void> {
  const { spec } = routeTo(i, service) as unknown as { spec: object };
  await client.patch(httpRoutes, { namespace: 'default', name: `route-${i}` }, { type: 'merge', body: { spec } });
  await until(async () => (await backendsOf(i, 3)).includes(service), {
    what: `route ${i} leads to ${service}`,
    deadlineMs: 60_000,
    everyMs: 100,
  });
}

/** Who answered some requests for a path. */
const backendsOf = async (i: number, requests: number): Promise<string[]> =>
  Promise.all(
    Array.from({ length: requests }, async () => {
      const { status, backend } = await ask({ origin, host, path: pathOf(i) });
      return status === 200 ? backend : String(status);
    }),
  );

/** Asks for each path once: which were answered by a backend of another service, or not at all. */
async function wrongAnswers(): Promise<string[]> {
  const wrong: string[] = [];
  await inParallel(
    Array.from({ length: routeCount }, (_, i) => i),
    async (i) => {
      const [backend = ''] = await backendsOf(i, 1);
      if (backend !== serviceFor(i) && backend !== 'steady') wrong.push(`${pathOf(i)}: ${backend}`);
    },
  );
  return wrong;
}

it(
  'a thousand routes on ten services are ten clusters of ours, and each leads to its own service',
  async () => {
    expect([...(await ourClusters()).keys()].sort()).toEqual(services.map((name) => `tsgateway/default/${name}/80`));
    expect(await wrongAnswers()).toEqual([]);
  },
  manyDeadlineMs,
);

it(
  'a translation costs one Cluster call for each rule of ours, and one Translation call',
  async () => {
    const before = await callsOnceQuiet();
    for (const [i, other] of [serviceFor(1), serviceFor(2), serviceFor(0)].entries()) {
      await moveRoute(0, other);
      tell(`edit ${i} of a route`, text(callsSince(before, await calls())));
    }
    const cost = callsSince(before, await callsOnceQuiet());
    tell(`3 edits of one route among ${routeCount}`, text(cost));
    expect(cost.translations).toBeGreaterThanOrEqual(3);
    expect(cost.clusters).toBe(routeCount * cost.translations);
    expect(cost.all).toBe(cost.clusters + cost.translations);
  },
  manyDeadlineMs,
);

it(
  'a thousand changes of health cost no translation',
  async () => {
    const before = await callsOnceQuiet();
    let flips = 0;
    for (let round = 0; round < rounds; round++) {
      const healthy = round % 2 === 1;
      const machines = await healthyMachines();
      await Promise.all(services.map(async (name) => backends.get(name)?.behave({ healthy })));
      const wanted = services.length * (healthy ? flapping + 1 : 1);
      await until(async () => (await healthyMachines()) === wanted, {
        what: `${wanted} machines are in rotation`,
        deadlineMs: 30_000,
        everyMs: 50,
      });
      flips += Math.abs(wanted - machines);
    }
    const cost = callsSince(before, await callsOnceQuiet());
    tell(`${flips} changes of health`, text(cost));
    expect(flips).toBe(services.length * flapping * rounds);
    expect(cost.all).toBe(0);
  },
  manyDeadlineMs,
);

describe('two thousand clusters that nothing lets share', () => {
  const clusterOf = (i: number) => `tsgateway/default/service-0/${10_000 + i}`;
  const objects = () =>
    Array.from({ length: unsharedClusters / rulesOfARoute }, (_, r) => {
      const rules = Array.from({ length: rulesOfARoute }, (_, i) => r * rulesOfARoute + i);
      return {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: { name: `unshared-${r}`, namespace: 'default' },
        spec: {
          parentRefs: [{ name: gateway.split('/')[1] }],
          hostnames: ['unshared.test'],
          rules: rules.map((i) => ({
            matches: [{ path: { type: 'Exact', value: `/unshared/${i}` } }],
            // A cluster of its own by its port.
            backendRefs: [{ ...toService('service-0'), port: 10_000 + i }],
          })),
        },
      };
    });

  it(
    'have their endpoints, all of them, over one stream each',
    async () => {
      await inParallel(objects(), (object) => client.create(httpRoutes, object));
      const start = performance.now();
      const wanted = Array.from({ length: unsharedClusters }, (_, i) => clusterOf(i));
      const missing = async () => {
        const found = await ourClusters();
        return wanted.filter((name) => found.get(name) !== flapping + 1);
      };
      await until(async () => (await missing()).length === 0, {
        what: `${unsharedClusters} clusters have ${flapping + 1} machines each`,
        deadlineMs: 120_000,
        everyMs: 500,
      }).catch(async (error: unknown) => {
        const without = await missing();
        throw new Error(`${without.length} do not, such as ${without.slice(0, 3).join(', ')}`, { cause: error });
      });
      const streams = await proxy.stat(/cluster\.tsgateway_eds\.upstream_rq_active/);
      const overflow = await proxy.stat(/cluster\.tsgateway_eds\.upstream_rq_pending_overflow/);
      tell(
        `${unsharedClusters} clusters`,
        `all have their machines after ${Math.round((performance.now() - start) / 1000)} s; ${streams} streams, ${overflow} refused`,
      );
      expect(overflow).toBe(0);
    },
    manyDeadlineMs,
  );

  afterAll(async () => {
    const names = Array.from({ length: unsharedClusters / rulesOfARoute }, (_, r) => `unshared-${r}`);
    await inParallel(names, (name) => client.delete(httpRoutes, { namespace: 'default', name }));
    await until(async () => (await ourClusters()).size === services.length, {
      what: 'they are gone',
      deadlineMs: 60_000,
      everyMs: 500,
    });
  }, manyDeadlineMs);
});

it(
  'with clusters whose statistics are named by their backends, a translation is one call, and traffic goes where it should',
  async () => {
    await stack.kubectl.run(
      ...[
        'patch',
        'envoyproxy',
        '-n',
        'default',
        `tailscale-gateway-${gateway.split('/')[1]}`,
        '--type',
        'merge',
        '-p',
      ],
      JSON.stringify({ spec: { telemetry: { metrics: { clusterStatName: '%BACKEND_REFS%' } } } }),
    );
    await stack.envoyGateway.stop();
    await editEnvoyGatewayConfig(stack.workDir, ({ extensionManager }) => {
      extensionManager.hooks.xdsTranslator.post = ['Translation'];
    });
    const before = await calls();
    await stack.envoyGateway.start();
    await until(async () => (await calls()).translations > before.translations, {
      what: 'a translation',
      deadlineMs: 60_000,
    });
    for (const other of [serviceFor(1), serviceFor(0)]) await moveRoute(0, other);
    const cost = callsSince(before, await callsOnceQuiet());
    tell(`by statistics names, 2 edits of one route among ${routeCount}`, text(cost));
    expect(cost.translations).toBeGreaterThanOrEqual(2);
    expect(cost.all).toBe(cost.translations);
    expect([...(await ourClusters()).keys()].sort()).toEqual(services.map((name) => `tsgateway/default/${name}/80`));
    expect(await wrongAnswers()).toEqual([]);
  },
  manyDeadlineMs,
);
