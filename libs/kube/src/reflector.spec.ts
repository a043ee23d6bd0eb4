import { afterEach, describe, expect, it } from '@jest/globals';
import { Informer, type InformerOptions } from './informer.ts';
import type { KubeObject, Resource } from './resource.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { quietLog } from './testing/quiet-log.ts';
import { failure, json, scriptedServer, until, watching, type Answer } from './testing/scripted-server.ts';

interface Web extends KubeObject {
  spec?: { n: number };
}
const webs: Resource<Web> = { group: 'example.com', version: 'v1', plural: 'webs', kind: 'Web', namespaced: true };

const web = (name: string, version: number, n = 0) => ({
  metadata: { namespace: 'a', name, uid: name, resourceVersion: String(version), managedFields: [{}] },
  spec: { n },
});
const list = (version: number, items: unknown[], next = ''): Answer =>
  json({ metadata: { resourceVersion: String(version), continue: next }, items });
const event = (type: string, object: unknown) => ({ type, object });

let stop: () => Promise<void>;
afterEach(() => stop());

async function start(
  script: Answer[],
  options: Partial<Pick<InformerOptions<Web>, 'idleMs' | 'pageSize' | 'optional' | 'clock'>> = {},
) {
  const server = await scriptedServer(script);
  const log = quietLog();
  const informer = new Informer({ client: server.client, resource: webs, log, random: () => 0, ...options });
  const told: string[] = [];
  informer.store.subscribe({
    add: (o) => told.push(`+${o.metadata.name}`),
    update: (o, old) => told.push(`${o.metadata.name}:${old.spec?.n}>${o.spec?.n}`),
    delete: (o) => told.push(`-${o.metadata.name}`),
  });
  const end = new AbortController();
  const running = informer.run(end.signal);
  stop = async () => {
    end.abort();
    await running;
    await server.close();
  };
  const queries = () =>
    server.requests.map((r) =>
      r.url.searchParams.has('watch')
        ? `watch ${r.url.searchParams.get('resourceVersion')}`
        : `list ${r.url.searchParams.get('continue') ?? ''}`.trim(),
    );
  return { informer, store: informer.store, told, queries, requests: server.requests, log };
}

describe('Reflector', () => {
  it('lists page by page, then watches from the list', async () => {
    const { store, told, queries, requests } = await start([
      list(10, [web('x', 3)], 'p2'),
      list(10, [web('y', 4)]),
      watching([event('MODIFIED', web('x', 11, 1)), event('ADDED', web('z', 12)), event('DELETED', web('y', 13))]),
    ]);
    await until(() => told.length === 5);
    expect(told).toEqual(['+x', '+y', 'x:0>1', '+z', '-y']);
    expect(queries()).toEqual(['list', 'list p2', 'watch 10']);
    expect(requests[0]?.url.searchParams.get('limit')).toBe('500');
    expect(requests[2]?.url.searchParams.get('allowWatchBookmarks')).toBe('true');
    expect(Number(requests[2]?.url.searchParams.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    expect(store.hasSynced).toBe(true);
    expect(store.resourceVersion).toBe(13n);
    expect(store.get('a/x')?.metadata).not.toHaveProperty('managedFields');
  });

  it('is not synced before the last page', async () => {
    const { store, requests } = await start([list(10, [web('x', 3)], 'p2'), () => undefined]);
    await until(() => requests.length === 2);
    expect(store.hasSynced).toBe(false);
    expect(store.size).toBe(0);
  });

  it('resumes from a bookmark when the server ends the watch, without listing', async () => {
    const { store, queries } = await start([
      list(10, []),
      watching([event('BOOKMARK', { metadata: { resourceVersion: '40' } })], 'end'),
      watching([event('ADDED', web('x', 41))]),
    ]);
    await until(() => store.size === 1);
    expect(queries()).toEqual(['list', 'watch 10', 'watch 40']);
  });

  it('resumes after a connection that broke in the middle of a line', async () => {
    const { store, told, queries } = await start([
      list(10, [web('x', 3)]),
      watching([event('MODIFIED', web('x', 11, 1))], 'cut'),
      watching([event('MODIFIED', web('x', 12, 2))]),
    ]);
    await until(() => store.get('a/x')?.spec?.n === 2);
    expect(told).toEqual(['+x', 'x:0>1', 'x:1>2']);
    expect(queries()).toEqual(['list', 'watch 10', 'watch 11']);
  });

  it.each([
    ['as an event', watching([event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' })])],
    ['as an answer', failure(410, 'Expired')],
  ])('lists anew after 410 %s, and tells the difference only', async (_how, gone) => {
    const { told, queries } = await start([
      list(10, [web('x', 3), web('y', 4)]),
      gone,
      list(50, [web('x', 3), web('z', 44)]),
      watching([]),
    ]);
    await until(() => queries().length === 4);
    expect(queries()).toEqual(['list', 'watch 10', 'list', 'watch 50']);
    expect(told).toEqual(['+x', '+y', '-y', '+z']);
  });

  it('lists anew at once where the server says 410 after it was away for long', async () => {
    const clock = new ManualClock();
    const away = Array.from({ length: 8 }, () => failure(403, 'Forbidden'));
    const { store, queries } = await start([list(10, []), ...away, failure(410, 'Expired'), list(50, [web('z', 44)])], {
      clock,
    });
    await until(() => {
      if (queries().length < 10) void clock.advance(1_000);
      return queries().length === 10;
    });
    const goneMs = clock.elapsed();
    await until(() => {
      void clock.advance(25);
      return store.size === 1;
    });
    expect(clock.elapsed() - goneMs).toBeLessThan(5_000);
  });

  it('asks for everything at once when the continue token expires', async () => {
    const { store, requests } = await start([
      list(10, [web('x', 3)], 'p2'),
      failure(410, 'Expired'),
      list(11, [web('x', 3), web('y', 4)]),
      watching([]),
    ]);
    await until(() => store.size === 2);
    expect(requests[2]?.url.searchParams.has('limit')).toBe(false);
  });

  it('takes a replaced object (same name, new uid) for a deletion and an addition', async () => {
    const { told } = await start([
      list(10, [web('x', 3)]),
      watching([event('MODIFIED', { metadata: { namespace: 'a', name: 'x', uid: 'other', resourceVersion: '12' } })]),
    ]);
    await until(() => told.length === 3);
    expect(told).toEqual(['+x', '-x', '+x']);
  });

  it('resumes a watch that has fallen silent', async () => {
    const { store, queries } = await start([list(10, []), watching([]), watching([event('ADDED', web('x', 11))])], {
      idleMs: 100,
    });
    await until(() => store.size === 1);
    expect(queries()).toEqual(['list', 'watch 10', 'watch 10']);
  });

  it('goes on after errors of every sort', async () => {
    const { store, log } = await start([
      failure(403, 'Forbidden'),
      list(10, []),
      failure(403, 'Forbidden'),
      watching([event('ADDED', web('x', 11))]),
    ]);
    await until(() => store.size === 1);
    expect(log.lines.map((l) => l.msg)).toEqual(['list failed', 'watch broke off']);
  });

  it('holds up nobody for an optional kind that is not served, and finds it once it is, or is no more', async () => {
    const clock = new ManualClock();
    const { informer, store, told, queries, log } = await start(
      [
        failure(404, 'NotFound'),
        failure(404, 'NotFound'),
        list(10, [web('x', 3)]),
        watching([], 'end'),
        failure(404, 'NotFound'),
      ],
      { optional: true, clock },
    );
    await until(() => store.hasSynced);
    expect([informer.served, store.size]).toEqual([false, 0]);
    await clock.advance(29_000);
    expect(queries()).toEqual(['list']);
    await clock.advance(2_000);
    await until(() => queries().length === 2);
    await until(() => {
      void clock.advance(30_000);
      return store.size === 1;
    });
    expect(informer.served).toBe(true);
    await until(() => {
      void clock.advance(1_000);
      return informer.served === false;
    });
    expect(told).toEqual(['+x', '-x']);
    expect(log.lines.map((l) => l.level)).toEqual(['info', 'info']);
  });
});
