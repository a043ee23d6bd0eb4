import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, makeGenericClientConstructor, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GenericObject, Resource } from '@tsgateway/kube';
import { request } from 'undici';
import { fire, SteadyLoad } from './harness/load.ts';
import { machineAddress } from './harness/ports.ts';
import type { Proxy } from './harness/proxy.ts';
import { repository, type Stack, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';
import { issue, makeCa } from './scenarios/certificates.ts';
import { untilRolledOut } from './scenarios/first-rollout.ts';
import { below, httpRoute, machineAt, plainService, routeOf, servicesOf, to } from './scenarios/manifests.ts';
import { Recorder, type RecorderOptions } from './scenarios/recorder.ts';
import { type EnvoyRoute, routesFor, weightsOf } from './scenarios/route-config.ts';

// What a route may say, one host for each test on one stack. A route that nobody touches is under load all the time: what
// goes wrong with one rule is to cost no other.

const origin = urlOf(80);
const ours = { group: 'gateway.tailscale.com', version: 'v1alpha1', namespaced: true } as const;
const tailscaleServices: Resource<GenericObject> = {
  ...{ ...ours, plural: 'tailscaleservices', kind: 'TailscaleServices' },
};
const httpRoutes: Resource<GenericObject> = {
  ...{ group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes', kind: 'HTTPRoute', namespaced: true },
};
const longDeadlineMs = 120_000;

let stack: Stack;
let proxy: Proxy;
let bystander: SteadyLoad | undefined;
let certificates: string;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  certificates = await mkdtemp(join(tmpdir(), 'gateway-e2e-ca-'));
  const caFile = join(certificates, 'ca.crt');
  stack = await startStack({ env: { 'extension-server': { UPSTREAM_CA_FILE: caFile } } });
  const base = await backend('bystander');
  for (const file of ['gateway.yaml', 'tailnet.yaml']) {
    await stack.kubectl.applyFile(join(repository, 'examples/quickstart', file));
  }
  await apply(
    ...[machineAt(base.address, 'bystander'), servicesOf('bystander')],
    httpRoute('bystander', [{ backendRefs: [to.services('bystander')] }]),
  );
  proxy = await stack.proxy('default/envoy-gateway');
  await untilRolledOut({ origin, host: 'bystander.test' });
  bystander = new SteadyLoad({ origin, host: 'bystander.test' }, { perSecond: 20 });
}, startDeadlineMs);

afterAll(async () => {
  await bystander?.stop();
  await stack?.stop();
  await Promise.all(closers.map((close) => close()));
  if (certificates !== undefined) await rm(certificates, { recursive: true });
}, 60_000);

const apply = (...objects: readonly object[]) => stack.kubectl.apply(...objects);

async function backend(name: string, options?: RecorderOptions): Promise<Recorder> {
  const made = await Recorder.start(name, options);
  closers.push(() => made.close());
  return made;
}

/** A backend for a Service: its address is not on loopback. */
const pod = (name: string) => backend(name, { host: machineAddress() });

interface Answer {
  readonly status: number;
  readonly backend: string | undefined;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

async function get(host: string, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const answer = await request(`${origin}${path}`, {
    headers: { host, ...headers },
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
  });
  const body = await answer.body.text();
  return {
    status: answer.statusCode,
    backend: answer.headers['x-backend'] as string | undefined,
    body,
    headers: answer.headers,
  };
}

const untilAnswer = (is: (answer: Answer) => boolean, host: string, path = '/') =>
  until(
    async () => {
      const answer = await get(host, path);
      if (is(answer)) return answer;
      throw new Error(`${answer.status} ${answer.backend ?? ''} ${answer.body}`);
    },
    { what: `${host}${path} answers as it should`, deadlineMs: 20_000 },
  );
/** Until then a route to such a cluster answers 503: Envoy first fetches its endpoints. */
const untilActive = (...clusters: readonly string[]) =>
  until(
    async () => {
      const active = await proxy.clusters();
      return clusters.every((name) => (active.get(name)?.length ?? 0) > 0);
    },
    { what: `Envoy has endpoints of ${clusters.join(', ')}`, deadlineMs: 20_000 },
  );
const untilServed = (host: string, path = '/') => untilAnswer((a) => a.status === 200, host, path);

/** The route in Envoy, once it is as wanted. */
const untilRoute = (is: (route: EnvoyRoute) => boolean, host: string) =>
  until(
    async () => {
      const routes = await routesFor(proxy, host);
      const found = routes.find(is);
      if (found) return found;
      throw new Error(JSON.stringify(routes));
    },
    { what: `Envoy has the route of ${host}`, deadlineMs: 20_000 },
  );
const untilWeights = (weights: Record<string, number>, host: string) =>
  untilRoute((route) => JSON.stringify(sorted(weightsOf(route))) === JSON.stringify(sorted(weights)), host);
const sorted = (weights: Record<string, number>) => Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1));

/** Percent by backend of so many requests, each answered with 200. */
async function shares(host: string, path = '/', requests = 3_000): Promise<Record<string, number>> {
  const result = await fire({ origin, host, path }, { requests });
  expect(result.failures).toEqual([]);
  return Object.fromEntries([...result.byBackend].map(([name, count]) => [name, (100 * count) / requests]));
}

/** Envoy chooses by chance: 3 points are 4 standard deviations of 3,000 requests at most. */
function expectShares(found: Record<string, number>, wanted: Record<string, number>): void {
  const far = Object.entries(wanted).filter(([name, share]) => Math.abs((found[name] ?? 0) - share) > 3);
  expect({ found, far, names: Object.keys(found).sort() }).toEqual({
    ...{ found, far: [] },
    names: Object.keys(wanted).sort(),
  });
}

const conditionOf = async (resource: Resource<GenericObject>, name: string, type: string) => {
  const object = await stack.client.get(resource, { namespace: 'default', name });
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.find((c) => c.type === type) as
    { type: string; status: string; reason: string; message: string } | undefined;
};

describe('several backends', () => {
  it('a Service, a TailscaleServices and a TailscaleEndpoints share a rule by their weights', async () => {
    const [plain, group, alone] = await Promise.all([pod('mix-plain'), backend('mix-group'), backend('mix-alone')]);
    await apply(
      ...plainService('mix-plain', plain.port),
      ...[machineAt(group.address, 'mix-group'), servicesOf('mix-group'), machineAt(alone.address, 'mix-alone')],
      httpRoute('mix', [
        {
          backendRefs: [
            to.plain('mix-plain', { weight: 50 }),
            to.services('mix-group', { weight: 30 }),
            to.endpoints('mix-alone', { weight: 20 }),
          ],
        },
      ]),
    );
    await untilActive('tsgateway/default/mix-group/80', 'tsgateway/default/mix-alone/80/endpoints');
    await untilServed('mix.test');
    expectShares(await shares('mix.test'), { 'mix-plain': 50, 'mix-group': 30, 'mix-alone': 20 });
  });

  it('several rules, each with its own, and a port each', async () => {
    const [a, b, plain] = await Promise.all([backend('rules-a'), backend('rules-b'), pod('rules-plain')]);
    await apply(
      ...plainService('rules-plain', plain.port),
      ...[
        machineAt(a.address, 'rules-a'),
        servicesOf('rules-a'),
        machineAt(b.address, 'rules-b'),
        servicesOf('rules-b'),
      ],
      httpRoute('rules', [
        { ...below('/plain'), backendRefs: [to.plain('rules-plain')] },
        { ...below('/a'), backendRefs: [to.services('rules-a')] },
        { ...below('/mixed'), backendRefs: [to.services('rules-a', { weight: 3 }), to.services('rules-b')] },
        { ...below('/b'), backendRefs: [to.services('rules-b', { port: 8443 })] },
        {
          ...below('/none'),
          backendRefs: [to.services('rules-a', { weight: 0 }), to.services('rules-b', { weight: 1 })],
        },
      ]),
    );
    await untilActive('tsgateway/default/rules-a/80', 'tsgateway/default/rules-b/80');
    for (const [path, name] of [
      ['/plain', 'rules-plain'],
      ['/a', 'rules-a'],
      ['/b', 'rules-b'],
      ['/none', 'rules-b'],
    ] as const) {
      await untilServed('rules.test', path);
      expect(await shares('rules.test', path, 100)).toEqual({ [name]: 100 });
    }
    expectShares(await shares('rules.test', '/mixed'), { 'rules-a': 75, 'rules-b': 25 });
    // The port is in the name of the cluster and its statistics; a machine has its own.
    await untilWeights({ 'tsgateway/default/rules-b/8443': 1 }, 'rules.test');
  });

  it(
    'weights that alone change are in Envoy within two seconds, and traffic follows',
    async () => {
      const [blue, green] = await Promise.all([backend('shift-blue'), backend('shift-green')]);
      const rule = (first: number, second: number) => ({
        backendRefs: [to.services('shift-blue', { weight: first }), to.services('shift-green', { weight: second })],
      });
      const clusters = ['tsgateway/default/shift-blue/80', 'tsgateway/default/shift-green/80'] as const;
      await apply(
        ...[machineAt(blue.address, 'shift-blue'), servicesOf('shift-blue')],
        ...[machineAt(green.address, 'shift-green'), servicesOf('shift-green')],
        httpRoute('shift', [rule(90, 10)]),
      );
      await untilWeights({ [clusters[0]]: 90, [clusters[1]]: 10 }, 'shift.test');
      await untilActive(...clusters);
      await untilServed('shift.test');
      expectShares(await shares('shift.test'), { 'shift-blue': 90, 'shift-green': 10 });
      const nudges = await stack.metric('operator', 'gateway_sync_writes_total');

      const times: number[] = [];
      for (const [first, second] of [
        [10, 90],
        [90, 10],
        [10, 90],
        [0, 1],
        [1, 0],
        [10, 90],
      ] as const) {
        const start = performance.now();
        await stack.client.patch(
          httpRoutes,
          { namespace: 'default', name: 'shift' },
          { type: 'merge', body: { spec: { rules: [rule(first, second)] } } },
        );
        const wanted = Object.fromEntries(
          [first, second].flatMap((weight, i) => (weight > 0 ? [[clusters[i] ?? '', weight]] : [])),
        );
        await untilWeights(wanted, 'shift.test');
        times.push(performance.now() - start);
      }
      process.stderr.write(`weights to Envoy: ${times.map((t) => Math.round(t)).join(', ')} ms\n`);
      expectShares(await shares('shift.test'), { 'shift-blue': 10, 'shift-green': 90 });
      expect(Math.max(...times)).toBeLessThan(2_000);
      // At most one a second, so the last may be still to come.
      await until(async () => (await stack.metric('operator', 'gateway_sync_writes_total')) > nudges, {
        what: 'Envoy Gateway is asked to translate',
      });
    },
    longDeadlineMs,
  );
});

describe('a backend in another namespace', () => {
  const grant = {
    apiVersion: 'gateway.networking.k8s.io/v1beta1',
    kind: 'ReferenceGrant',
    metadata: { name: 'routes', namespace: 'elsewhere' },
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
      to: [{ group: 'gateway.tailscale.com', kind: 'TailscaleServices' }],
    },
  };

  it('is refused without a ReferenceGrant, for its own share, and served with one', async () => {
    const [near, far] = await Promise.all([backend('grant-near'), backend('grant-far')]);
    await apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } },
      ...[machineAt(near.address, 'grant-near'), servicesOf('grant-near')],
      ...[machineAt(far.address, 'grant-far', { namespace: 'elsewhere' }), servicesOf('grant-far', 'elsewhere')],
      httpRoute('grant', [
        { ...below('/alone'), backendRefs: [to.services('grant-far', { namespace: 'elsewhere' })] },
        {
          ...below('/shared'),
          backendRefs: [
            to.services('grant-near', { weight: 3 }),
            to.services('grant-far', { namespace: 'elsewhere', weight: 1 }),
          ],
        },
      ]),
    );
    await untilAnswer((a) => a.status === 500, 'grant.test', '/alone');
    await untilServed('grant.test', '/shared');
    const { byBackend, failures } = await fire({ origin, host: 'grant.test', path: '/shared' }, { requests: 2_000 });
    expect([...byBackend.keys()]).toEqual(['grant-near']);
    expect(new Set(failures.map((f) => f.what))).toEqual(new Set(['500']));
    expect(Math.abs(failures.length / 20 - 25)).toBeLessThan(4);

    await apply(grant);
    await untilServed('grant.test', '/alone');
    await untilAnswer((a) => a.backend === 'grant-far', 'grant.test', '/shared');
    expectShares(await shares('grant.test', '/shared'), { 'grant-near': 75, 'grant-far': 25 });

    await stack.kubectl.delete(grant);
    await untilAnswer((a) => a.status === 500, 'grant.test', '/alone');
  });
});

describe('GRPCRoute', () => {
  const GrpcClient = makeGenericClientConstructor({}, 'any');
  const pass = (bytes: Buffer) => bytes;

  /** A backend that answers any method with its name. */
  async function grpcBackend(name: string, host = '127.0.0.1'): Promise<number> {
    const server = new Server();
    const method = (path: string) => ({
      ...{ path, requestStream: false, responseStream: false },
      ...{ requestSerialize: pass, requestDeserialize: pass, responseSerialize: pass, responseDeserialize: pass },
    });
    server.addService(
      { get: method('/shop.Orders/Get'), put: method('/shop.Orders/Put'), list: method('/shop.Stock/List') },
      Object.fromEntries(
        ['get', 'put', 'list'].map((key) => [
          key,
          (_call: unknown, done: (error: null, bytes: Buffer) => void) => {
            done(null, Buffer.from(name));
          },
        ]),
      ),
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    closers.push(() => Promise.resolve(server.forceShutdown()));
    return port;
  }

  it('sends each method to its own service over HTTP/2, and shares a rule with a Service', async () => {
    const [orders, stock, plain] = await Promise.all([
      grpcBackend('orders'),
      grpcBackend('stock'),
      grpcBackend('grpc-plain', machineAddress()),
    ]);
    const method = (service: string, name?: string) => ({
      matches: [{ method: { service, ...(name !== undefined && { method: name }) } }],
    });
    await apply(
      ...plainService('grpc-plain', plain, 'kubernetes.io/h2c'),
      machineAt(`127.0.0.1:${orders}`, 'grpc-orders', { protocol: 'TCP' }),
      servicesOf('grpc-orders'),
      machineAt(`127.0.0.1:${stock}`, 'grpc-stock', { protocol: 'TCP' }),
      servicesOf('grpc-stock'),
      routeOf('GRPCRoute', 'grpc', {
        rules: [
          { ...method('shop.Orders', 'Get'), backendRefs: [to.services('grpc-orders')] },
          { ...method('shop.Stock'), backendRefs: [to.services('grpc-stock')] },
          {
            ...method('shop.Orders', 'Put'),
            backendRefs: [to.services('grpc-orders', { weight: 70 }), to.plain('grpc-plain', { weight: 30 })],
          },
        ],
      }),
    );
    const client = new GrpcClient('127.0.0.1:10080', credentials.createInsecure(), {
      'grpc.default_authority': 'grpc.test',
    });
    closers.push(() => Promise.resolve(client.close()));
    const call = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const options = { deadline: Date.now() + 5_000 };
        client.makeUnaryRequest(path, pass, pass, Buffer.alloc(1), new Metadata(), options, (error, answer) => {
          if (error) reject(error);
          else resolve(String(answer));
        });
      });
    const untilCall = (path: string, name: string) =>
      until(async () => (await call(path)) === name, { what: `${path} reaches ${name}`, deadlineMs: 20_000 });
    await untilCall('/shop.Orders/Get', 'orders');
    await untilCall('/shop.Stock/List', 'stock');
    await untilCall('/shop.Orders/Put', 'grpc-plain');

    const counts = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      const names = await Promise.all(Array.from({ length: 50 }, () => call('/shop.Orders/Put')));
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expectShares(Object.fromEntries([...counts].map(([name, count]) => [name, count / 30])), {
      ...{ orders: 70, 'grpc-plain': 30 },
    });
    await expect(call('/shop.Orders/Delete')).rejects.toMatchObject({ code: 12 });
  });
});

describe('HTTPS machines', () => {
  it('are asked by their own name, and not trusted with a certificate of another CA', async () => {
    const [ca, other] = await Promise.all([makeCa('e2e'), makeCa('somebody')]);
    await writeFile(join(certificates, 'ca.crt'), ca.cert);
    const [good, bad, misnamed] = await Promise.all([
      backend('tls-good', { tls: await issue(ca, ['tls-good.demo.ts.net']) }),
      backend('tls-bad', { tls: await issue(other, ['tls-bad.demo.ts.net']) }),
      backend('tls-misnamed', { tls: await issue(ca, ['another.demo.ts.net']) }),
    ]);
    await apply(
      ...[good, bad, misnamed].flatMap(({ name, address }) => [
        machineAt(address, name, { protocol: 'HTTPS' }),
        servicesOf(name),
      ]),
      httpRoute(
        'tls',
        [good, bad, misnamed].map(({ name }) => ({ ...below(`/${name}`), backendRefs: [to.services(name)] })),
      ),
    );
    const answer = await untilServed('tls.test', '/tls-good');
    expect(answer.backend).toBe('tls-good');
    expect(good.requests.at(-1)).toMatchObject({ servername: 'tls-good.demo.ts.net', headers: { host: 'tls.test' } });
    for (const { name, requests } of [bad, misnamed]) {
      await untilAnswer((a) => a.status === 503, 'tls.test', `/${name}`);
      expect(requests).toEqual([]);
    }
  });
});

describe('what Envoy Gateway cannot carry', () => {
  it('a mirror to a Service works beside a backend of ours; one to our kind is refused and said', async () => {
    const [main, copy] = await Promise.all([backend('mirror-main'), pod('mirror-copy')]);
    const mirror = (backendRef: object) => ({ filters: [{ type: 'RequestMirror', requestMirror: { backendRef } }] });
    await apply(
      ...plainService('mirror-copy', copy.port),
      ...[machineAt(main.address, 'mirror-main'), servicesOf('mirror-main'), servicesOf('mirror-target')],
      httpRoute('mirror', [
        { ...below('/'), ...mirror(to.plain('mirror-copy')), backendRefs: [to.services('mirror-main')] },
      ]),
      httpRoute('mirror-ours', [
        { ...mirror(to.services('mirror-target')), backendRefs: [to.services('mirror-main')] },
      ]),
    );
    await untilServed('mirror.test', '/first');
    const [before, mirrored] = [main.requests.length, copy.requests.length];
    expect(await shares('mirror.test', '/again', 200)).toEqual({ 'mirror-main': 100 });
    await until(() => copy.requests.length === mirrored + 200, { what: 'each request is mirrored' });
    expect(main.requests.length).toBe(before + 200);

    const condition = await until(
      async () => {
        const found = await conditionOf(tailscaleServices, 'mirror-target', 'RoutesSupported');
        return found?.status === 'False' && found;
      },
      { what: 'the condition says so' },
    );
    expect(condition).toMatchObject({ reason: 'UnsupportedMirror' });
    expect(condition.message).toContain('HTTPRoute default/mirror-ours');
  });

  it.each(['TCPRoute', 'TLSRoute', 'UDPRoute'])(
    'a %s: a condition and an Event say so, until it is gone',
    async (kind) => {
      const name = `l4-${kind.toLowerCase()}`;
      const route = routeOf(kind, name, {
        rules: [{ backendRefs: [to.services(name)] }],
        ...(kind === 'TLSRoute' && { hostnames: ['l4.test'] }),
      });
      await apply(servicesOf(name), route);
      const condition = await until(
        async () => {
          const found = await conditionOf(tailscaleServices, name, 'RoutesSupported');
          return found?.status === 'False' && found;
        },
        { what: 'the condition says so' },
      );
      expect(condition).toMatchObject({ reason: 'UnsupportedRouteKind' });
      expect(condition.message).toContain(`${kind} default/${name}`);
      await until(
        async () => {
          const events = await stack.kubectl.run(
            ...[
              'get',
              'events.events.k8s.io',
              '-n',
              'default',
              '-o',
              'jsonpath={range .items[*]}{.reason} {.regarding.kind}/{.regarding.name}{"\\n"}{end}',
            ],
          );
          return events.includes(`UnsupportedRouteKind ${kind}/${name}`);
        },
        { what: 'an Event says so', everyMs: 200 },
      );
      await stack.kubectl.delete(route);
      await until(async () => (await conditionOf(tailscaleServices, name, 'RoutesSupported')) === undefined, {
        what: 'the condition goes with the route',
      });
    },
  );
});

describe('one bad resource', () => {
  it('a TailscaleServices that does not exist: 500 with its name; none selected: 503 with ours', async () => {
    const good = await backend('bad-good');
    await apply(
      ...[machineAt(good.address, 'bad-good'), servicesOf('bad-good'), servicesOf('bad-empty')],
      httpRoute('bad', [
        { ...below('/missing'), backendRefs: [to.services('bad-missing')] },
        { ...below('/empty'), backendRefs: [to.services('bad-empty')] },
        { ...below('/good'), backendRefs: [to.services('bad-good')] },
        { ...below('/half'), backendRefs: [to.services('bad-good'), to.services('bad-missing')] },
      ]),
    );
    await untilServed('bad.test', '/good');
    const missing = await untilAnswer((a) => a.status === 500 && a.body !== '', 'bad.test', '/missing');
    expect(missing.body).toContain('TailscaleServices default/bad-missing');
    const empty = await untilAnswer((a) => a.status === 503, 'bad.test', '/empty');
    expect(empty.body).toContain('no backend of tsgateway/default/bad-empty/80 is available');
    const half = await fire({ origin, host: 'bad.test', path: '/half' }, { requests: 1_000 });
    expect(new Set(half.failures.map((f) => f.what))).toEqual(new Set(['500']));
    expect(Math.abs(half.failures.length / 10 - 50)).toBeLessThan(7);

    // It is served as soon as it is there.
    await apply(servicesOf('bad-missing'), machineAt(good.address, 'bad-missing'));
    await untilServed('bad.test', '/missing');
  });

  it(
    'a stored object that is invalid in one part: that one alone, with a condition; and it recovers',
    async () => {
      const [sick, well] = await Promise.all([backend('stored-sick'), backend('stored-well')]);
      await apply(
        ...[machineAt(sick.address, 'stored-sick'), servicesOf('stored-sick')],
        ...[machineAt(well.address, 'stored-well'), servicesOf('stored-well')],
        httpRoute('stored', [
          { ...below('/sick'), backendRefs: [to.services('stored-sick')] },
          { ...below('/well'), backendRefs: [to.services('stored-well')] },
        ]),
      );
      await untilServed('stored.test', '/sick');
      const crd = 'tailscaleservices.gateway.tailscale.com';
      const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
      const patch = [{ op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema', value: anything }];
      await stack.kubectl.run('patch', 'crd', crd, '--type=json', '-p', JSON.stringify(patch));
      try {
        await until(
          async () => {
            await apply(servicesOf('stored-sick', 'default', { loadBalancing: { strategy: 'by-mood' } }));
            return true;
          },
          { what: 'the API server stores anything', deadlineMs: 20_000, everyMs: 500 },
        );
        const condition = await until(
          async () => {
            const found = await conditionOf(tailscaleServices, 'stored-sick', 'Accepted');
            return found?.status === 'False' && found;
          },
          { what: 'the condition says what is wrong' },
        );
        expect(condition.message).toContain('spec.loadBalancing.strategy');
        // What served last goes on to serve, and new translations go on around it.
        expect(await shares('stored.test', '/sick', 200)).toEqual({ 'stored-sick': 100 });
        await apply(httpRoute('stored-later', [{ backendRefs: [to.services('stored-well')] }]));
        await untilServed('stored-later.test');
        expect(await shares('stored.test', '/sick', 200)).toEqual({ 'stored-sick': 100 });
        expect(await shares('stored.test', '/well', 200)).toEqual({ 'stored-well': 100 });
      } finally {
        await apply(servicesOf('stored-sick'));
        await stack.kubectl.run('apply', '--server-side', '--force-conflicts', '-k', join(repository, 'deploy/crds'));
      }
      await until(async () => (await conditionOf(tailscaleServices, 'stored-sick', 'Accepted'))?.status === 'True', {
        what: 'it is accepted again',
      });
    },
    longDeadlineMs,
  );
});

describe('the rest of a rule', () => {
  it('headers, rewrites and timeouts stay as the rule says', async () => {
    const seen = await backend('rest');
    await apply(
      ...[machineAt(seen.address, 'rest'), servicesOf('rest')],
      httpRoute('rest', [
        {
          ...below('/headers'),
          filters: [
            {
              type: 'RequestHeaderModifier',
              requestHeaderModifier: { set: [{ name: 'x-set', value: 'by-rule' }], remove: ['x-secret'] },
            },
            {
              type: 'ResponseHeaderModifier',
              responseHeaderModifier: { add: [{ name: 'x-added', value: 'by-rule' }], remove: ['x-from-backend'] },
            },
          ],
          backendRefs: [to.services('rest')],
        },
        {
          ...below('/old'),
          filters: [
            {
              type: 'URLRewrite',
              urlRewrite: {
                hostname: 'rewritten.test',
                path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' },
              },
            },
          ],
          backendRefs: [to.services('rest', { weight: 2 }), to.endpoints('rest')],
        },
        { ...below('/slow'), timeouts: { request: '300ms' }, backendRefs: [to.services('rest')] },
      ]),
    );
    await untilServed('rest.test', '/slow');
    const answer = await get('rest.test', '/headers', { 'x-secret': 's' });
    expect(answer).toMatchObject({ status: 200, headers: { 'x-added': 'by-rule' } });
    expect(answer.headers['x-from-backend']).toBeUndefined();
    expect(seen.requests.at(-1)?.headers).toMatchObject({ 'x-set': 'by-rule', host: 'rest.test' });
    expect(seen.requests.at(-1)?.headers['x-secret']).toBeUndefined();

    expect((await get('rest.test', '/old/page?q=1')).status).toBe(200);
    expect(seen.requests.at(-1)).toMatchObject({ path: '/new/page?q=1', headers: { host: 'rewritten.test' } });

    seen.latencyMs = 2_000;
    const start = performance.now();
    expect((await get('rest.test', '/slow')).status).toBe(504);
    expect(performance.now() - start).toBeLessThan(1_500);
    seen.latencyMs = 0;
  });

  it("the user's own retry policy wins over ours", async () => {
    const [sick, well] = await Promise.all([backend('retry-sick'), backend('retry-well')]);
    const policy = {
      apiVersion: 'gateway.envoyproxy.io/v1alpha1',
      kind: 'BackendTrafficPolicy',
      metadata: { name: 'retry', namespace: 'default' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'retry' }],
        retry: { numRetries: 4, retryOn: { httpStatusCodes: [503], triggers: ['retriable-status-codes'] } },
      },
    };
    await apply(
      ...[machineAt(sick.address, 'retry-0', { of: 'retry' }), machineAt(well.address, 'retry-1', { of: 'retry' })],
      servicesOf('retry'),
      httpRoute('retry', [{ backendRefs: [to.services('retry')] }]),
    );
    await untilServed('retry.test');
    const own = await untilRoute((r) => r.route !== undefined, 'retry.test');
    expect(own.route?.retry_policy?.retry_on).toBe('connect-failure,refused-stream,reset-before-request');
    // Ours never repeats what a backend has answered.
    sick.status = 503;
    await untilAnswer((a) => a.status === 503, 'retry.test');
    await apply(policy);
    await untilRoute((r) => r.route?.retry_policy?.num_retries === 4, 'retry.test');
    expect(await shares('retry.test', '/', 200)).toEqual({ 'retry-well': 100 });
  });
});

it('the bystander noticed nothing of all that, and the metric of degraded rules knows their reasons', async () => {
  const result = await bystander?.stop();
  bystander = undefined;
  process.stderr.write(`bystander: ${result?.requests} requests, ${result?.failures.length} failures\n`);
  expect(result?.failures).toEqual([]);
  const degraded = async (source: string) => {
    const replicas = stack.services['extension-server'];
    return Promise.all(replicas.map((r) => r.metric('extension_server_degraded_rules', { source })));
  };
  // A reference into another namespace that is refused, and one to what is not there: some replica translated last.
  expect(Math.max(...(await degraded('partial')))).toBeGreaterThanOrEqual(1);
  for (const source of ['unbound', 'invalid', 'remembered', 'equal']) {
    expect({ source, rules: await degraded(source) }).toEqual({ source, rules: [0, 0] });
  }
});
