import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startKubeApi, type KubeApi } from '@tsgateway/embedded-kube';
import { EventRecorder } from './event-recorder.ts';
import { Informer } from './informer.ts';
import { KubeClient } from './kube-client.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import { LeaderElector } from './leader-elector.ts';
import type { GenericObject, KubeObject, Resource } from './resource.ts';
import { StatusWriter } from './status-writer.ts';
import { quietLog } from './testing/quiet-log.ts';
import { until } from './testing/scripted-server.ts';

interface Route extends KubeObject {
  spec: { hostnames?: string[] };
  status?: { parents: unknown[] };
}
const routes: Resource<Route> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  plural: 'httproutes',
  kind: 'HTTPRoute',
  namespaced: true,
};
const configMaps: Resource<GenericObject & { data?: Record<string, string> }> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
const config = (name: string, data: Record<string, string> = {}) => ({
  metadata: { namespace: 'default', name },
  data,
});

describe.each([
  ['http', false],
  ['https', true],
])('against the embedded API over %s', (_name, tls) => {
  let api: KubeApi;
  let folder: string;
  let client: KubeClient;
  const end = new AbortController();
  const signal = end.signal;

  beforeEach(async () => {
    api = await startKubeApi({ tls, limits: { bookmarkIntervalMs: 50 } });
    folder = mkdtempSync(join(tmpdir(), 'kube-'));
    const kubeconfigPath = join(folder, 'config');
    writeFileSync(kubeconfigPath, api.kubeconfig());
    client = KubeClient.connect({ kubeconfigPath, userAgent: 'spec', qps: 1000, burst: 1000 });
  });
  afterEach(async () => {
    await client.close();
    await api.close();
    rmSync(folder, { recursive: true });
  });

  it('creates, reads, changes, and refuses what is out of date', async () => {
    const made = await client.create(configMaps, config('a', { x: '1' }));
    await client.patch(configMaps, made.metadata, { type: 'merge', body: { data: { y: '2' } } });
    expect((await client.get(configMaps, made.metadata)).data).toEqual({ x: '1', y: '2' });
    expect(await client.update(configMaps, { ...made, data: {} }).catch(isConflict)).toBe(true);
    await client.apply(configMaps, config('a', { x: '3' }), { fieldManager: 'spec' });
    await client.delete(configMaps, made.metadata);
    await client.delete(configMaps, made.metadata);
    expect(await client.get(configMaps, made.metadata).catch(isNotFound)).toBe(true);
  });

  it('follows a collection, page by page and then event by event', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await client.create(configMaps, config(name));
    const informer = new Informer({ client, resource: configMaps, log: quietLog(), pageSize: 2, namespace: 'default' });
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    await until(() => informer.store.hasSynced);
    expect(informer.store.list().map((o) => o.metadata.name)).toEqual(
      expect.arrayContaining(['a', 'b', 'c', 'd', 'e']),
    );
    await client.patch(configMaps, config('c').metadata, { type: 'merge', body: { data: { k: 'v' } } });
    await until(() => informer.store.get('default/c')?.data?.['k'] === 'v');
    await client.delete(configMaps, config('d').metadata);
    await until(() => informer.store.get('default/d') === undefined);
    const seen = informer.store.resourceVersion;
    await client.create(routes, { metadata: { namespace: 'default', name: 'r' }, spec: {} });
    // Bookmarks carry on what happens to other kinds.
    await until(() => informer.store.resourceVersion > seen);
    stop.abort();
    await running;
  });

  it('writes a status once, and then only what differs', async () => {
    const made = await client.create(routes, { metadata: { namespace: 'default', name: 'r' }, spec: {} });
    const writer = new StatusWriter({ client, resource: routes, fieldManager: 'spec' });
    const status = { parents: [{ parentRef: { name: 'g' }, controllerName: 'example.com/spec', conditions: [] }] };
    expect(await writer.applyIfChanged(made, status)).toBe(true);
    const written = await client.get(routes, made.metadata);
    expect(written.status).toMatchObject({ parents: [{ controllerName: 'example.com/spec' }] });
    expect(await writer.applyIfChanged(writer.newest(made), written.status)).toBe(false);
    expect((await client.get(routes, made.metadata)).metadata.resourceVersion).toBe(written.metadata.resourceVersion);
  });

  it('lets one lead at a time, and another as soon as it has gone', async () => {
    const contend = (identity: string) => {
      const stop = new AbortController();
      const elector = new LeaderElector({
        client,
        lease: { namespace: 'default', name: 'spec' },
        identity,
        leaseDurationMs: 3000,
        renewDeadlineMs: 2000,
        retryPeriodMs: 200,
        log: quietLog(),
        onStartedLeading: (term) => new Promise((resolve) => term.addEventListener('abort', () => resolve())),
      });
      return { elector, stop, running: elector.run(stop.signal) };
    };
    const a = contend('a');
    await until(() => a.elector.leading);
    const b = contend('b');
    a.stop.abort();
    await a.running;
    await until(() => b.elector.leading, 1500);
    expect(a.elector.leading).toBe(false);
    b.stop.abort();
    await b.running;
  });

  it('records events that describe shows', async () => {
    const made = await client.create(configMaps, config('a'));
    const recorder = new EventRecorder({ client, controller: 'example.com/spec', instance: 'pod-1', log: quietLog() });
    const stop = new AbortController();
    const running = recorder.run(stop.signal);
    recorder.record(configMaps, made, { type: 'Warning', reason: 'Broken', action: 'Look', note: 'it is broken' });
    let found: readonly GenericObject[] = [];
    while (found.length === 0) found = (await client.list(events, { namespace: 'default', signal })).items;
    expect(found[0]).toMatchObject({
      reason: 'Broken',
      type: 'Warning',
      message: 'it is broken',
      involvedObject: { name: 'a' },
    });
    stop.abort();
    await running;
  });
});
