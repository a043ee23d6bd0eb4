import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { ApiServer, StartApiServer } from '@tsgateway/embedded-kube';
import { Controller } from '../controller.ts';
import { EventRecorder } from '../event-recorder.ts';
import { Informer } from '../informer.ts';
import { KubeClient } from '../kube-client.ts';
import { isConflict, isNotFound } from '../kube-error.ts';
import { LeaderElector } from '../leader-elector.ts';
import { objectKey, type GenericObject, type KubeObject, type Resource } from '../resource.ts';
import { StatusWriter } from '../status-writer.ts';
import { WorkQueue } from '../work-queue.ts';
import { quietLog } from './quiet-log.ts';
import { until } from './scripted-server.ts';

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
const gateways: Resource<GenericObject> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  plural: 'gateways',
  kind: 'Gateway',
  namespaced: true,
};
const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };

/** This library against one API server, each test in a namespace of its own. Registers its tests with jest. */
export function kubeSuite(startApiServer: StartApiServer): void {
  let api: ApiServer;
  let folder: string;
  let client: KubeClient;
  let namespace: string;
  const signal = new AbortController().signal;

  const config = (name: string, data: Record<string, string> = {}) => ({ metadata: { namespace, name }, data });
  const route = (name: string) => ({ metadata: { namespace, name }, spec: {} });
  /** Runs an informer until the returned function is called. */
  const follow = async <T extends KubeObject>(informer: Informer<T>): Promise<() => Promise<void>> => {
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    await until(() => informer.store.hasSynced);
    return () => {
      stop.abort();
      return running;
    };
  };

  beforeAll(async () => {
    api = await startApiServer();
    folder = mkdtempSync(join(tmpdir(), 'kube-'));
    const kubeconfigPath = join(folder, 'config');
    writeFileSync(kubeconfigPath, api.kubeconfig());
    client = KubeClient.connect({ kubeconfigPath, userAgent: 'spec', qps: 1000, burst: 1000 });
  });
  beforeEach(async () => {
    namespace = `spec-${randomBytes(4).toString('hex')}`;
    await client.create(namespaces, { metadata: { name: namespace } });
  });
  afterAll(async () => {
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

  it('takes fields over from others when it applies', async () => {
    await client.apply(configMaps, config('a', { x: '1' }), { fieldManager: 'one' });
    const taken = await client.apply(configMaps, config('a', { x: '2' }), { fieldManager: 'two' });
    expect(taken.data).toEqual({ x: '2' });
  });

  it('adds its field to an object of another manager', async () => {
    const gateway = (spec: object): GenericObject => ({ metadata: { namespace, name: 'edge' }, spec });
    const listener = { name: 'http', port: 80, protocol: 'HTTP' };
    const spec = { gatewayClassName: 'c', listeners: [listener] };
    await client.apply(gateways, gateway(spec), { fieldManager: 'user' });
    const parametersRef = { group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', name: 'p' };
    const added = gateway({ infrastructure: { parametersRef } });
    expect((await client.apply(gateways, added, { fieldManager: 'spec' })).spec).toMatchObject({
      listeners: [listener],
      infrastructure: { parametersRef },
    });
    // The user applies again: what others own stays.
    const again = await client.apply(gateways, gateway(spec), { fieldManager: 'user' });
    expect(again.spec).toMatchObject({ infrastructure: { parametersRef } });
    const left = await client.apply(gateways, gateway({}), { fieldManager: 'spec' });
    expect(left.spec).not.toHaveProperty('infrastructure.parametersRef');
  });

  it('follows a collection, page by page and then event by event', async () => {
    const mine = { labels: { spec: 'follow' } };
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const object = config(name);
      await client.create(configMaps, { ...object, metadata: { ...object.metadata, ...mine } });
    }
    const informer = new Informer({
      client,
      resource: configMaps,
      log: quietLog(),
      pageSize: 2,
      namespace,
      labelSelector: 'spec=follow',
    });
    const stop = await follow(informer);
    expect(informer.store.list().map((o) => o.metadata.name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    await client.patch(configMaps, config('c').metadata, { type: 'merge', body: { data: { k: 'v' } } });
    await until(() => informer.store.get(`${namespace}/c`)?.data?.['k'] === 'v');
    await client.delete(configMaps, config('d').metadata);
    await until(() => informer.store.get(`${namespace}/d`) === undefined);
    await stop();
  });

  it('lists anew when the version that it would resume from is gone', async () => {
    await client.create(routes, route('a'));
    const seen: string[] = [];
    let lists = 0;
    const informer = new Informer({
      // The first list claims a version from before the kind was defined: the server has no history of that.
      client: {
        list: (async (resource, options) => {
          const page = await client.list(resource, options);
          lists += 1;
          return lists === 1 ? { ...page, resourceVersion: '1' } : page;
        }) as KubeClient['list'],
        watch: client.watch.bind(client),
      },
      resource: routes,
      namespace,
      log: quietLog(),
      onEvent: (event) => seen.push(event),
    });
    const stop = await follow(informer);
    await until(() => lists === 2);
    expect(seen).toContain('relist');
    await client.create(routes, route('b'));
    await until(() => informer.store.get(`${namespace}/b`) !== undefined);
    await stop();
  });

  it('works off what an informer queues, again after a conflict', async () => {
    const queue = new WorkQueue({});
    const informer = new Informer({ client, resource: routes, namespace, log: quietLog() });
    informer.store.subscribe({
      add: (object) => queue.add(objectKey(object)),
      update: (object) => queue.add(objectKey(object)),
      delete: () => undefined,
    });
    let attempts = 0;
    const controller = new Controller({
      name: 'spec',
      queue,
      log: quietLog(),
      reconcile: async (key) => {
        const cached = informer.store.get(key);
        if (cached === undefined || cached.spec.hostnames !== undefined) return undefined;
        attempts += 1;
        // Somebody else writes between the cache and the first update.
        if (attempts === 1) {
          const labels = { metadata: { labels: { by: 'another' } } };
          await client.patch(routes, cached.metadata, { type: 'merge', body: labels });
        }
        await client.update(routes, { ...cached, spec: { hostnames: ['reconciled.test'] } });
        return undefined;
      },
    });
    const stop = await follow(informer);
    const abort = new AbortController();
    const working = controller.run(abort.signal);
    await client.create(routes, route('a'));
    await until(() => informer.store.get(`${namespace}/a`)?.spec.hostnames !== undefined);
    expect(attempts).toBeGreaterThan(1);
    expect(informer.store.get(`${namespace}/a`)?.metadata.labels).toEqual({ by: 'another' });
    await queue.shutDown();
    await working;
    abort.abort();
    await stop();
  });

  it('writes a status once, and then only what differs', async () => {
    const made = await client.create(routes, route('r'));
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
        lease: { namespace, name: 'spec' },
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
    while (found.length === 0) found = (await client.list(events, { namespace, signal })).items;
    expect(found[0]).toMatchObject({
      reason: 'Broken',
      type: 'Warning',
      message: 'it is broken',
      involvedObject: { name: 'a' },
    });
    stop.abort();
    await running;
  });
}
