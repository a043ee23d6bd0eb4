import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, RequestOptions } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { WrrLocality } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality';
import type { Route } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { LEAST_REQUEST, pack, WRR_LOCALITY } from '../any.ts';
import type { DataPlane } from '../data-plane.ts';
import type { Handler } from '../testing/backend.ts';
import { TestBackend } from '../testing/backend.ts';
import { TestEdsServer } from '../testing/eds-server.ts';
import { eventually } from '../testing/eventually.ts';
import { edsCluster, freePort, silent, snapshotOf, toCluster } from '../testing/snapshots.ts';
import { startNodePlane } from './node-data-plane.ts';

const RETRY = { retryOn: 'connect-failure,refused-stream,reset-before-request', numRetries: 2 };

const retrying = (cluster: string): Parameters<typeof Route.fromPartial>[0] => ({
  ...toCluster(cluster),
  action: {
    $case: 'route',
    value: { clusterSpecifier: { $case: 'cluster', value: cluster }, retryPolicy: RETRY },
  },
});

type Call = (path: string, options?: RequestOptions, body?: Buffer) => Promise<Answer>;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

describe('the Node data plane', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(): Promise<{ plane: DataPlane; eds: TestEdsServer; port: number; get: Call }> {
    const eds = new TestEdsServer();
    const address = await eds.listen();
    closing.push(() => eds.close());
    const plane = await startNodePlane({ gateway: 'apps/edge', eds: address, log: silent });
    closing.push(() => plane.close());
    const port = await freePort();
    const agent = new Agent({ keepAlive: true });
    closing.push(() => agent.destroy());
    const call: Call = (path, options = {}, body) =>
      new Promise((resolve, reject) => {
        const request = httpRequest({ host: '127.0.0.1', port, path, agent, ...options }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
          response.on('error', reject);
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }),
          );
        });
        request.on('error', reject);
        request.end(body);
      });
    return { plane, eds, port, get: call };
  }

  async function backends(count: number, handler?: (name: string) => Handler): Promise<TestBackend[]> {
    const all = Array.from({ length: count }, (_, i) => new TestBackend(`b${i}`, handler?.(`b${i}`)));
    await Promise.all(all.map((b) => b.listen()));
    closing.push(() => all.forEach((b) => b.close()));
    return all;
  }

  /** Requests from several clients until `stop`; what came of them, by answer. */
  function load(get: Call, clients: number): { stop(): Promise<Map<string, number>> } {
    const seen = new Map<string, number>();
    let running = true;
    const all = Array.from({ length: clients }, async () => {
      while (running) {
        const answer = await get('/').then(
          (a) => (a.status === 200 ? '200' : `${a.status} ${a.body}`),
          (error: Error) => error.message,
        );
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
      }
    });
    return {
      stop: async () => {
        running = false;
        await Promise.all(all);
        return seen;
      },
    };
  }

  it('loses only requests in flight when a backend is killed under load', async () => {
    const { plane, eds, port, get } = await start();
    const all = await backends(3);
    eds.set(
      's',
      all.map((b) => ({ port: b.port })),
    );
    await plane.apply(snapshotOf(port, [edsCluster('s')], [retrying('s')]));
    const clients = 16;
    const running = load(get, clients);
    const [victim] = all;
    await eventually(() => expect(victim?.requests).toBeGreaterThan(100));
    victim?.kill();
    const before = all[1]?.requests ?? 0;
    await eventually(() => expect(all[1]?.requests).toBeGreaterThan(before + 200));
    const seen = await running.stop();
    const lost = [...seen].filter(([answer]) => answer !== '200').reduce((sum, [, n]) => sum + n, 0);
    // Those that its process had, and those that were on their way to it.
    expect(lost).toBeLessThanOrEqual(clients);
    expect(seen.get('200')).toBeGreaterThan(300);
  });

  it('loses nothing when a backend is removed under load, and ends what it was answering', async () => {
    const { plane, eds, port, get } = await start();
    const [slow, other] = await backends(2, (name) => (_request, response) => {
      setTimeout(() => response.end(name), name === 'b0' ? 50 : 1);
    });
    eds.set('s', [{ port: slow!.port }, { port: other!.port }]);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [retrying('s')]));
    const running = load(get, 8);
    await eventually(() => expect(slow!.requests).toBeGreaterThan(8));
    eds.set('s', [{ port: other!.port }]);
    await eventually(async () => expect(await plane.stats()).toHaveLength(1));
    const [asked, before] = [slow!.requests, other!.requests];
    await eventually(() => expect(other!.requests).toBeGreaterThan(before + 100));
    expect([...(await running.stop()).keys()]).toEqual(['200']);
    expect(slow!.requests).toBe(asked);
  });

  it('tries a request that no backend has seen elsewhere, its body included', async () => {
    const { plane, eds, port, get } = await start();
    const [living] = await backends(1, () => (request, response) => {
      let size = 0;
      request.on('data', (chunk: Buffer) => (size += chunk.length));
      request.on('end', () => response.end(String(size)));
    });
    const dead = await freePort();
    eds.set('s', [{ port: dead }, { port: living!.port }]);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [retrying('s')]));
    const body = randomBytes(300_000);
    for (let i = 0; i < 10; i++)
      expect(await get('/', { method: 'POST' }, body)).toMatchObject({ status: 200, body: '300000' });
    const stats = await plane.stats();
    expect(stats.find((s) => s.address.endsWith(`:${dead}`))?.errors).toBeGreaterThan(0);
    expect(stats.every((s) => s.active === 0)).toBe(true);
  });

  it('never repeats a request that a backend has seen', async () => {
    const { plane, eds, port, get } = await start();
    const all = await backends(2, () => (request) => request.socket.resetAndDestroy());
    eds.set(
      's',
      all.map((b) => ({ port: b.port })),
    );
    await plane.apply(snapshotOf(port, [edsCluster('s')], [retrying('s')]));
    expect((await get('/')).status).toBe(503);
    expect(all.reduce((sum, b) => sum + b.requests, 0)).toBe(1);
  });

  it('passes 5xx on as it is', async () => {
    const { plane, eds, port, get } = await start();
    const all = await backends(2, (name) => (_request, response) => response.writeHead(500).end(name));
    eds.set(
      's',
      all.map((b) => ({ port: b.port })),
    );
    await plane.apply(snapshotOf(port, [edsCluster('s')], [retrying('s')]));
    expect((await get('/')).status).toBe(500);
    expect(all.reduce((sum, b) => sum + b.requests, 0)).toBe(1);
  });

  it('sends nothing to unhealthy endpoints, and answers 503 where there is no other', async () => {
    const { plane, eds, port, get } = await start();
    const [a, b] = await backends(2);
    eds.set('s', [{ port: a!.port, health: 2 }, { port: b!.port }]);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [toCluster('s')]));
    for (let i = 0; i < 6; i++) expect((await get('/')).body).toBe('b1');
    eds.set('s', [
      { port: a!.port, health: 2 },
      { port: b!.port, health: 2 },
    ]);
    await eventually(async () => expect(await get('/')).toMatchObject({ status: 503, body: 'no healthy upstream' }));
    eds.set('s', []);
    await eventually(async () => expect(await plane.stats()).toEqual([]));
    expect((await get('/')).status).toBe(503);
  });

  it('shares by the weights of localities, then of endpoints', async () => {
    const { plane, eds, port, get } = await start();
    const all = await backends(4);
    const [a, b, c, d] = all;
    eds.set('s', [
      { port: a!.port, group: 'x', groupWeight: 70 },
      { port: b!.port, group: 'y', groupWeight: 30, weight: 2 },
      { port: c!.port, group: 'y', groupWeight: 30, weight: 1 },
      { port: d!.port, group: 'z', groupWeight: 0 },
    ]);
    const policies = [
      {
        typedExtensionConfig: {
          name: 'wrr',
          typedConfig: pack(WRR_LOCALITY, WrrLocality, {
            endpointPickingPolicy: {
              policies: [{ typedExtensionConfig: { name: 'l', typedConfig: pack(LEAST_REQUEST, LeastRequest, {}) } }],
            },
          }),
        },
      },
    ];
    await plane.apply(snapshotOf(port, [edsCluster('s', { loadBalancingPolicy: { policies } })], [toCluster('s')]));
    for (let i = 0; i < 100; i++) await get('/');
    expect([a!.requests, b!.requests + c!.requests, d!.requests]).toEqual([70, 30, 0]);
  });

  it('uses the lowest priority that has a healthy endpoint', async () => {
    const { plane, eds, port, get } = await start();
    const [a, b] = await backends(2);
    const set = (health: number) =>
      eds.set('s', [
        { port: a!.port, group: 'x', health },
        { port: b!.port, group: 'y', priority: 1 },
      ]);
    set(1);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [toCluster('s')]));
    for (let i = 0; i < 4; i++) expect((await get('/')).body).toBe('b0');
    set(2);
    await eventually(async () => expect((await get('/')).body).toBe('b1'));
  });

  it('streams both ways with backpressure', async () => {
    const { plane, eds, port, get } = await start();
    const [echo] = await backends(1, () => (request, response) => request.pipe(response));
    eds.set('s', [{ port: echo!.port }]);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [toCluster('s')]));
    const body = randomBytes(8_000_000);
    const answer = await get('/', { method: 'PUT' }, body);
    expect(answer.body === body.toString('latin1')).toBe(true);
  });

  it('ends a request that takes too long with 504, and lets the backend know', async () => {
    const { plane, eds, port, get } = await start();
    let cut = 0;
    const [hanging] = await backends(1, () => (request) => void request.socket.on('close', () => cut++));
    eds.set('s', [{ port: hanging!.port }]);
    const route = { ...toCluster('s') };
    route.action = {
      $case: 'route',
      value: { clusterSpecifier: { $case: 'cluster', value: 's' }, timeout: { seconds: 0n, nanos: 50_000_000 } },
    };
    await plane.apply(snapshotOf(port, [edsCluster('s')], [route]));
    expect(await get('/')).toMatchObject({ status: 504, body: 'upstream request timeout' });
    await eventually(() => expect(cut).toBe(1));
    expect((await plane.stats())[0]?.active).toBe(0);
  });

  it('tells backends of the client, and keeps headers of one hop to itself', async () => {
    const { plane, eds, port, get } = await start();
    const [b] = await backends(1, () => (request, response) => {
      response.setHeader('connection', 'close, x-hop');
      response.setHeader('x-hop', '1');
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.end(JSON.stringify({ url: request.url, headers: request.headers }));
    });
    eds.set('s', [{ port: b!.port }]);
    const rewriting: Parameters<typeof Route.fromPartial>[0] = {
      match: { pathSpecifier: { $case: 'pathSeparatedPrefix', value: '/in' } },
      requestHeadersToAdd: [{ header: { key: 'x-added', value: '100%%' } }],
      requestHeadersToRemove: ['x-gone'],
      responseHeadersToAdd: [{ header: { key: 'x-answer', value: 'yes' } }],
      action: {
        $case: 'route',
        value: {
          clusterSpecifier: { $case: 'cluster', value: 's' },
          prefixRewrite: '/out',
          hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: 'inner.test' },
          appendXForwardedHost: true,
        },
      },
    };
    await plane.apply(snapshotOf(port, [edsCluster('s')], [rewriting]));
    const answer = await get('/in//a?q=//', {
      headers: {
        host: 'outer.test',
        'x-gone': '1',
        te: 'trailers',
        'x-forwarded-for': '10.0.0.1',
        connection: 'keep-alive',
      },
    });
    const { url, headers } = JSON.parse(answer.body) as { url: string; headers: Record<string, string> };
    expect(url).toBe('/out/a?q=//');
    expect(headers).toMatchObject({
      host: 'inner.test',
      'x-forwarded-host': 'outer.test',
      'x-forwarded-for': '10.0.0.1,127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-added': '100%',
    });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers).not.toHaveProperty('x-gone');
    expect(headers).not.toHaveProperty('te');
    expect(answer.headers).toMatchObject({ 'x-answer': 'yes', 'set-cookie': ['a=1', 'b=2'] });
    expect(answer.headers).not.toHaveProperty('x-hop');
    expect((await get('/elsewhere')).status).toBe(404);
    expect((await get('/in', { headers: { bad_name: '1' } })).status).toBe(400);
  });

  it('passes WebSocket connections through', async () => {
    const { plane, eds, port } = await start();
    const [b] = await backends(1);
    b!.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello ');
      socket.on('data', (data) => socket.end(data));
    });
    eds.set('s', [{ port: b!.port }]);
    const route = { ...toCluster('s') };
    route.action = {
      $case: 'route',
      value: { clusterSpecifier: { $case: 'cluster', value: 's' }, upgradeConfigs: [{ upgradeType: 'websocket' }] },
    };
    await plane.apply(snapshotOf(port, [edsCluster('s')], [route]));
    const text = await new Promise<string>((resolve, reject) => {
      let all = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
      });
      socket.on('data', (data) => {
        all += data.toString();
        if (all.endsWith('hello ')) socket.write('world');
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1.1 101 [^]*hello world$/);
  });

  it('keeps endpoints while the EDS server is away, and follows it when it is back', async () => {
    const { plane, port, get } = await start();
    const [a, b] = await backends(2);
    const first = new TestEdsServer();
    const address = await first.listen();
    const other = await startNodePlane({ gateway: 'apps/edge', eds: address, log: silent });
    closing.push(() => other.close());
    await plane.close();
    first.set('s', [{ port: a!.port }]);
    await other.apply(snapshotOf(port, [edsCluster('s')], [toCluster('s')]));
    first.close();
    expect((await get('/')).body).toBe('b0');
    const second = new TestEdsServer();
    closing.push(() => second.close());
    second.set('s', [{ port: b!.port }]);
    await second.listen(Number(address.split(':')[1]));
    await eventually(async () => expect((await get('/')).body).toBe('b1'));
  });

  it('finishes what it has begun when it is closed', async () => {
    const { plane, eds, port, get } = await start();
    const [b] = await backends(1, () => (_request, response) => setTimeout(() => response.end('late'), 100));
    eds.set('s', [{ port: b!.port }]);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [toCluster('s')]));
    const pending = get('/');
    await eventually(() => expect(b!.requests).toBe(1));
    await plane.close();
    expect((await pending).body).toBe('late');
    await expect(get('/')).rejects.toThrow();
  });

  it('says which port it cannot have, and goes on with what it had', async () => {
    const { plane, eds, port, get } = await start();
    const [b] = await backends(1);
    eds.set('s', [{ port: b!.port }]);
    await plane.apply(snapshotOf(port, [edsCluster('s')], [toCluster('s')]));
    await expect(plane.apply(snapshotOf(b!.port, [edsCluster('s')], [toCluster('s')]))).rejects.toThrow('EADDRINUSE');
    expect((await get('/')).body).toBe('b0');
  });
});
