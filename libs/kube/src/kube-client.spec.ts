import { afterEach, describe, expect, it } from '@jest/globals';
import { KubeError } from './kube-error.ts';
import type { Resource } from './resource.ts';
import { failure, json, scriptedServer, type Answer } from './testing/scripted-server.ts';

const pods: Resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const webs: Resource = { group: 'example.com', version: 'v1', plural: 'webs', kind: 'Web', namespaced: true };
const ref = { namespace: 'a', name: 'x' };
const web = { metadata: { namespace: 'a', name: 'x', resourceVersion: '7' }, spec: { n: 1 } };

let server: Awaited<ReturnType<typeof scriptedServer>>;
const start = async (script: Answer[], options = {}) => (server = await scriptedServer(script, options));
afterEach(() => server.close());

describe('KubeClient', () => {
  it('reads with the token and the user agent, over few connections', async () => {
    const { client, requests, connections } = await start([json(web)]);
    for (let i = 0; i < 20; i++) await client.get(webs, ref);
    expect(requests[0]?.url.pathname).toBe('/apis/example.com/v1/namespaces/a/webs/x');
    expect(requests[0]?.headers).toMatchObject({ authorization: 'Bearer secret', 'user-agent': 'spec' });
    expect(connections()).toBeLessThanOrEqual(2);
  });

  it('gives the items of a list their type, and the continue token', async () => {
    const { client, requests } = await start([
      json({ metadata: { resourceVersion: '9', continue: 'more' }, items: [{ metadata: { name: 'p' } }] }),
    ]);
    const page = await client.list(pods, { namespace: 'a', labelSelector: 'app=web', limit: 2 });
    expect(page).toEqual({
      items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }],
      resourceVersion: '9',
      continue: 'more',
    });
    expect(requests[0]?.url.search).toBe('?labelSelector=app%3Dweb&limit=2');
  });

  it('makes a KubeError of a Status', async () => {
    const { client } = await start([failure(404, 'NotFound')]);
    const error = await client.get(webs, ref).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({
      status: 404,
      reason: 'NotFound',
      path: 'GET /apis/example.com/v1/namespaces/a/webs/x',
      message: 'GET /apis/example.com/v1/namespaces/a/webs/x: NotFound happened',
    });
  });

  it('repeats a read after a 500 and after a cut connection', async () => {
    const { client, requests } = await start([failure(500, 'InternalError'), (_q, r) => r.destroy(), json(web)]);
    expect(await client.get(webs, ref)).toMatchObject(web);
    expect(requests).toHaveLength(3);
  });

  it('repeats a write after 429 only, not before Retry-After is over', async () => {
    const { client, requests } = await start([
      failure(429, 'TooManyRequests', { 'retry-after': '1' }),
      failure(500, 'InternalError'),
    ]);
    const started = performance.now();
    await expect(client.update(webs, web)).rejects.toMatchObject({ status: 500 });
    expect(performance.now() - started).toBeGreaterThan(950);
    expect(requests.map((r) => r.method)).toEqual(['PUT', 'PUT']);
  });

  it('renews its credentials after a 401', async () => {
    const { client, requests } = await start([failure(401, 'Unauthorized'), json(web)]);
    await client.get(webs, ref);
    expect(requests).toHaveLength(2);
  });

  it('ends at its deadline and when it is cancelled', async () => {
    const { client } = await start([() => undefined]);
    await expect(client.get(webs, ref, { timeoutMs: 50 })).rejects.toMatchObject({
      status: 0,
      reason: 'DeadlineExceeded',
    });
    await expect(client.get(webs, ref, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      status: 0,
      reason: 'Canceled',
    });
  });

  it('applies a status with its field manager', async () => {
    const { client, requests } = await start([json(web)]);
    await client.applyStatus(webs, ref, { status: { ready: true }, fieldManager: 'me' });
    const [request] = requests;
    expect(request?.method).toBe('PATCH');
    expect(request?.url.pathname).toBe('/apis/example.com/v1/namespaces/a/webs/x/status');
    expect(request?.url.search).toBe('?fieldManager=me&force=true');
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      apiVersion: 'example.com/v1',
      kind: 'Web',
      metadata: { namespace: 'a', name: 'x' },
      status: { ready: true },
    });
  });

  it('takes an object that is gone for deleted, and sends preconditions', async () => {
    const { client, requests } = await start([failure(404, 'NotFound')]);
    await client.delete(webs, ref, { uid: 'u1' });
    expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({ preconditions: { uid: 'u1' } });
  });

  it('reports every exchange, failed ones too', async () => {
    const codes: string[] = [];
    const { client } = await start([(_q, r) => r.destroy(), json(web)], {
      onRequest: (r: { code: string; method: string }) => codes.push(`${r.method} ${r.code}`),
    });
    await client.get(webs, ref);
    expect(codes).toEqual(['GET <error>', 'GET 200']);
  });

  it('keeps to its rate', async () => {
    const { client } = await start([json(web)], { qps: 20, burst: 1 });
    const started = performance.now();
    await Promise.all([1, 2, 3, 4, 5].map(() => client.get(webs, ref)));
    expect(performance.now() - started).toBeGreaterThan(180);
  });
});
