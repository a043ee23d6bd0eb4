import { afterEach, describe, expect, it } from '@jest/globals';
import { KubeConfig, CoreV1Api, CustomObjectsApi, makeInformer } from '@kubernetes/client-node';
import fc from 'fast-check';
import { connect } from 'node:net';
import { startKubeApi } from './start-kube-api.ts';
import type { KubeApi, KubeApiOptions } from './start-kube-api.ts';
import { ApiClient } from './testing/api-client.ts';
import { widgetDefinition } from './testing/widget-definition.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const map = (name: string, data: object = {}): object => ({ metadata: { name }, data });

describe('the embedded API at its limits', () => {
  const running: KubeApi[] = [];
  const start = async (options: KubeApiOptions = {}): Promise<{ api: KubeApi; client: ApiClient }> => {
    const api = await startKubeApi(options);
    running.push(api);
    const headers = api.token === undefined ? {} : { authorization: `Bearer ${api.token}` };
    return { api, client: new ApiClient({ url: api.url, headers, ...(api.ca === undefined ? {} : { ca: api.ca }) }) };
  };

  afterEach(async () => {
    for (const api of running.splice(0)) await api.close();
  });

  it('tells a watch that asks for forgotten history, and pages of it', async () => {
    const { client } = await start({ limits: { historySize: 10 } });
    for (const name of ['a', 'b', 'c']) await client.post(maps, map(name));
    const page = await client.get(`${maps}?limit=1`);
    for (let i = 0; i < 100; i++) await client.patch(`${maps}/a`, 'merge', { data: { i: String(i) } });
    const watch = await client.watch(`${maps}?resourceVersion=${page.body.metadata.resourceVersion}`);
    await watch.end();
    expect(watch.status).toBe(200);
    expect(watch.events).toEqual([
      { type: 'ERROR', object: expect.objectContaining({ kind: 'Status', code: 410, reason: 'Expired' }) },
    ]);
    const next = await client.get(`${maps}?limit=1&continue=${page.body.metadata.continue}`);
    expect(next).toMatchObject({ status: 410, body: { reason: 'Expired' } });
  });

  it('sends bookmarks that a watch can resume from', async () => {
    const { client } = await start({ limits: { bookmarkIntervalMs: 20 } });
    const watch = await client.watch(`${maps}?allowWatchBookmarks=true`);
    await client.post('/api/v1/namespaces', { metadata: { name: 'elsewhere' } });
    const seen = (await client.get('/api/v1/namespaces')).body.metadata.resourceVersion as string;
    const bookmark = await watch.until(
      (e) => e.type === 'BOOKMARK' && Number(e.object.metadata.resourceVersion) >= Number(seen),
    );
    expect(bookmark.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    watch.close();
  });

  it('cuts off a watcher that does not read', async () => {
    const { api, client } = await start({ limits: { maxBufferedBytes: 100_000 } });
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.write(`GET ${maps}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    await client.post(maps, map('big'));
    for (let i = 0; i < 12; i++)
      await client.patch(`${maps}/big`, 'merge', { data: { text: `${i}`.padEnd(1_000_000, 'x') } });
    socket.resume();
    await closed;
  });

  it('bounds watchers, objects and bodies', async () => {
    const { client } = await start({ limits: { maxWatchers: 1, maxObjects: 40, maxBodyBytes: 10_000 } });
    const watch = await client.watch(maps);
    expect(await client.get(`${maps}?watch=true`)).toMatchObject({ status: 429, body: { reason: 'TooManyRequests' } });
    watch.close();
    expect(await client.post(maps, map('big', { a: 'x'.repeat(20_000) }))).toMatchObject({
      status: 413,
      body: { reason: 'RequestEntityTooLarge' },
    });
    let last = 201;
    for (let i = 0; i < 60 && last === 201; i++) last = (await client.post(maps, map(`n-${i}`))).status;
    expect(last).toBe(507);
  });

  it('lets nobody in without the token, and trusts only its own authority', async () => {
    const { api, client } = await start({ tls: true });
    expect((await client.get(maps)).status).toBe(200);
    const stranger = new ApiClient({ url: api.url, ca: api.ca ?? '' });
    expect(await stranger.get(maps)).toMatchObject({ status: 401, body: { reason: 'Unauthorized' } });
    expect((await stranger.get('/version')).status).toBe(200);
    await expect(new ApiClient({ url: api.url }).get('/version')).rejects.toThrow(/certificate/);
  });

  it('answers whatever comes, and goes on', async () => {
    const { client } = await start({ crds: [widgetDefinition('limits.test')] });
    const widgets = '/apis/limits.test/v1/namespaces/default/widgets';
    const method = fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD', 'OPTIONS');
    const path = fc.constantFrom(
      maps,
      `${maps}/a`,
      widgets,
      `${widgets}/a`,
      `${widgets}/a/status`,
      '/api/v1/namespaces',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    );
    const type = fc.constantFrom(
      'application/json',
      'application/merge-patch+json',
      'application/json-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
      'application/vnd.kubernetes.protobuf',
      'text/html',
    );
    const meta = fc.record(
      {
        name: fc.constant('a'),
        labels: fc.jsonValue(),
        finalizers: fc.jsonValue(),
        ownerReferences: fc.jsonValue(),
        managedFields: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const shaped = fc.record(
      {
        apiVersion: fc.constantFrom('v1', 'limits.test/v1'),
        kind: fc.constantFrom('ConfigMap', 'Widget'),
        metadata: meta,
        spec: fc.jsonValue(),
        data: fc.jsonValue(),
        status: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.string(),
      fc.jsonValue().map((v) => JSON.stringify(v)),
      shaped.map((v) => JSON.stringify(v)),
    );
    const query = fc.constantFrom(
      '',
      '?fieldManager=m',
      '?fieldManager=m&force=true',
      '?dryRun=All',
      '?labelSelector=((',
      '?limit=-9&continue=%00',
    );
    await fc.assert(
      fc.asyncProperty(method, path, query, type, body, async (m, p, q, t, b) => {
        const sent = m === 'GET' || m === 'HEAD' || m === 'OPTIONS' ? {} : { body: b, contentType: t };
        const { status, body: answer } = await client.send(m, p + q, sent);
        expect(status === 500 ? String(answer.message) : '').not.toContain('Internal error');
        expect(status).toBeGreaterThanOrEqual(200);
      }),
      { numRuns: 400 },
    );
    expect((await client.get('/readyz')).status).toBe(200);
  });

  it('refuses an invalid definition and a port in use', async () => {
    const bad = { ...widgetDefinition('limits.test'), metadata: { name: 'wrong' } };
    await expect(startKubeApi({ crds: [bad] })).rejects.toThrow('must be spec.names.plural+"."+spec.group');
    const { api } = await start();
    await expect(startKubeApi({ port: Number(new URL(api.url).port) })).rejects.toThrow('EADDRINUSE');
  });

  it('closes while watches are open, twice if asked', async () => {
    const { api, client } = await start();
    const watch = await client.watch(maps);
    await api.close();
    await watch.end();
    await api.close();
  });
});

describe('@kubernetes/client-node', () => {
  it('reads, writes and informs', async () => {
    const api = await startKubeApi({ tls: true, crds: [widgetDefinition('client.test')] });
    try {
      const config = new KubeConfig();
      config.loadFromString(api.kubeconfig());
      const core = config.makeApiClient(CoreV1Api);
      const informer = makeInformer(config, '/api/v1/namespaces/default/configmaps', () =>
        core.listNamespacedConfigMap({ namespace: 'default' }),
      );
      const added = new Promise<string>((resolve) => informer.on('add', (o) => resolve(o.metadata?.name ?? '')));
      await informer.start();
      await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'informed' } } });
      expect(await added).toBe('informed');
      await informer.stop();
      const custom = config.makeApiClient(CustomObjectsApi);
      const of = { group: 'client.test', version: 'v1', namespace: 'default', plural: 'widgets' };
      const body = { apiVersion: 'client.test/v1', kind: 'Widget', metadata: { name: 'w' }, spec: {} };
      await expect(custom.createNamespacedCustomObject({ ...of, body })).rejects.toMatchObject({ code: 422 });
      await custom.createNamespacedCustomObject({ ...of, body: { ...body, spec: { selector: {} } } });
      expect(await custom.getNamespacedCustomObject({ ...of, name: 'w' })).toMatchObject({
        spec: { balancing: { strategy: 'round-robin' } },
      });
    } finally {
      await api.close();
    }
  });
});
