import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startTailnetApi, type RunningTailnetApi } from './tailnet-api.ts';

const client = { id: 'client', secret: 'secret', scopes: ['services', 'devices:core:read'] };
let server: RunningTailnetApi;
let authorization: string;

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

const web = '/api/v2/tailnet/-/vip-services/svc%3Aweb';

beforeEach(async () => {
  server = await startTailnetApi({ clients: [client], seed: 3 });
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'client', client_secret: 'secret' });
  const answer = await fetch(`${server.url}/api/v2/oauth/token`, { method: 'POST', body: form });
  const token = (await answer.json()) as { access_token: string; expires_in: number; scope: string };
  expect(token).toMatchObject({ expires_in: 3600, scope: 'services devices:core:read' });
  authorization = `Bearer ${token.access_token}`;
});

afterEach(() => server.close());

describe('the embedded tailnet API', () => {
  it('gives a new service two addresses, and wants them back on update', async () => {
    const created = await call('PUT', web, { name: 'svc:web', ports: ['tcp:80'] });
    expect(created.json['addrs']).toEqual([expect.stringMatching(/^100\.64\./), expect.stringMatching(/^fd7a:/)]);

    expect(await call('PUT', web, { ports: ['tcp:81'] })).toMatchObject({ status: 400, json: { message: /addrs/ } });
    expect((await call('PUT', web, { ports: ['tcp:81'], addrs: created.json['addrs'] })).status).toBe(200);
    expect((await call('GET', web)).json).toMatchObject({ ports: ['tcp:81'], addrs: created.json['addrs'] });
  });

  it('gives the IPv4 that is asked for, once', async () => {
    expect((await call('PUT', web, { addrs: ['100.100.1.1'] })).json['addrs']).toContain('100.100.1.1');
    const other = await call('PUT', '/api/v2/tailnet/-/vip-services/svc%3Aother', { addrs: ['100.100.1.1'] });
    expect(other.status).toBe(400);
  });

  it('refuses bad tokens, missing scopes, other tailnets and bad bodies', async () => {
    expect((await call('POST', '/api/v2/tailnet/-/keys', {})).status).toBe(403);
    expect((await call('GET', '/api/v2/tailnet/other.ts.net/devices')).status).toBe(404);
    expect((await call('PUT', web, { ports: ['eighty'] })).status).toBe(400);
    server.revokeTokens();
    expect((await call('GET', web)).status).toBe(401);
  });

  it('drops, ages, delays and breaks what it is told to', async () => {
    const first = (await call('PUT', web, { comment: 'one' })).json;
    server.setFaults({ lostUpdateRate: 1 });
    expect((await call('PUT', web, { ...first, comment: 'two' })).status).toBe(200);
    server.setFaults({});
    expect((await call('GET', web)).json['comment']).toBe('one');

    await call('PUT', web, { ...first, comment: 'three' });
    server.setFaults({ staleReadRate: 1 });
    expect((await call('GET', web)).json['comment']).toBe('one');

    server.setFaults({ lateErrorRate: 1 });
    expect((await call('PUT', web, { ...first, comment: 'four' })).status).toBe(500);
    server.setFaults({ rateLimitRate: 1, retryAfterSeconds: 9 });
    const limited = await fetch(`${server.url}${web}`, { headers: { authorization } });
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '9']);

    server.setFaults({ outage: true });
    await expect(call('GET', web)).rejects.toThrow();
    server.setFaults({});
    expect((await call('GET', web)).json['comment']).toBe('four');
  });

  it('takes faults over HTTP, without a token, and refuses unknown ones', async () => {
    authorization = '';
    expect((await call('PUT', '/faults', { errorRate: 1 })).json).toMatchObject({ errorRate: 1, outage: false });
    expect((await call('GET', web)).status).toBe(500);
    expect((await call('PUT', '/faults', { errorrate: 1 })).status).toBe(400);
    await call('DELETE', '/faults');
    expect((await call('GET', web)).status).toBe(401);
    expect((await call('POST', '/devices', { hostname: 'web-0' })).json).toMatchObject({
      name: 'web-0.example.ts.net',
    });
    expect((await call('GET', '/state')).json).toMatchObject({ tailnet: 'example.ts.net', services: [] });
  });

  it('fails in the same places for the same seed', async () => {
    const run = async (): Promise<number[]> => {
      const seeded = await startTailnetApi({ clients: [client], seed: 42, faults: { errorRate: 0.5 } });
      const statuses: number[] = [];
      for (let i = 0; i < 12; i++) statuses.push((await fetch(`${seeded.url}${web}`)).status);
      await seeded.close();
      return statuses;
    };
    const first = await run();
    expect(new Set(first)).toEqual(new Set([500, 401]));
    expect(await run()).toEqual(first);
  });
});
