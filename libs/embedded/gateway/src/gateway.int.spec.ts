import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { customResourceDefinitions } from '@tsgateway/api';
import type { KubeApi } from '@tsgateway/embedded-kube';
import { startKubeApi } from '@tsgateway/embedded-kube';
import type { GenericObject, Resource } from '@tsgateway/kube';
import { KubeClient } from '@tsgateway/kube';
import { findEnvoy } from './envoy/find-envoy.ts';
import type { RunningGateway } from './gateway.ts';
import { startGateway } from './gateway.ts';
import {
  ENDPOINT_SLICE,
  GATEWAY,
  GATEWAY_CLASS,
  GATEWAY_SYNC as SYNC,
  HTTP_ROUTE,
  SERVICE,
} from './kube/kube-source.ts';
import { TestBackend } from './testing/backend.ts';
import { TestEdsServer } from './testing/eds-server.ts';
import { eventually } from './testing/eventually.ts';
import { TestExtensionServer } from './testing/extension-server.ts';
import { freePort, silent } from './testing/snapshots.ts';

const SERVICES: Resource = {
  group: 'gateway.tailscale.com',
  version: 'v1alpha1',
  kind: 'TailscaleServices',
  plural: 'tailscaleservices',
  namespaced: true,
};

const service = (name: string) => ({
  metadata: { namespace: 'default', name },
  spec: { selector: { matchLabels: { app: name } } },
});
const route = (backend: string) => ({
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    parentRefs: [{ name: 'edge' }],
    rules: [{ backendRefs: [{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', name: backend, port: 80 }] }],
  },
});

const found = await findEnvoy({ env: process.env });
if ('reason' in found) process.stderr.write(`skipped: the gateway with Envoy, as ${found.reason}\n`);
const planes = ('binary' in found ? ['node', 'envoy'] : ['node']) as ('node' | 'envoy')[];

describe.each(planes)('the gateway with %s', (dataPlane) => {
  const workDir = mkdtempSync(join(tmpdir(), 'gateway-'));
  const [a, b] = [new TestBackend('a'), new TestBackend('b')];
  const eds = new TestEdsServer();
  const extension = new TestExtensionServer();
  let api: KubeApi;
  let client: KubeClient;
  let gateway: RunningGateway;
  let url: string;

  const get = () => fetch(url).then(async (r) => `${r.status} ${await r.text()}`);
  const status = async (resource: Resource, name: string) =>
    (await client.get<GenericObject>(resource, { namespace: 'default', name })).status as {
      conditions?: { type: string; status: string; reason: string }[];
      parents?: { conditions: { type: string; status: string; reason: string }[] }[];
      addresses?: unknown;
      listeners?: { attachedRoutes: number }[];
    };

  beforeAll(async () => {
    await Promise.all([a.listen(), b.listen()]);
    eds.set('one', [{ port: a.port }]);
    eds.set('two', [{ port: b.port }]);
    api = await startKubeApi({ crds: customResourceDefinitions() });
    const kubeconfigPath = join(workDir, 'kubeconfig');
    writeFileSync(kubeconfigPath, api.kubeconfig());
    client = KubeClient.connect({ kubeconfigPath, userAgent: 'spec' });
    await client.create(GATEWAY_CLASS, {
      metadata: { name: 'tailscale' },
      spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
    } as GenericObject);
    await client.create(GATEWAY, {
      metadata: { namespace: 'default', name: 'edge' },
      spec: { gatewayClassName: 'tailscale', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
    } as GenericObject);
    await client.create(SERVICES, service('one') as GenericObject);
    await client.create(SERVICES, service('two') as GenericObject);
    await client.create(HTTP_ROUTE, route('one') as GenericObject);
    const gatewayPort = await freePort();
    url = `http://127.0.0.1:${gatewayPort}/`;
    gateway = await startGateway({
      kube: { kubeconfigPath },
      extensionServer: await extension.listen(),
      eds: await eds.listen(),
      dataPlane,
      gatewayPort,
      workDir,
      log: silent,
    });
  });

  afterAll(async () => {
    await gateway.close();
    await client.close();
    await api.close();
    for (const end of [a, b, eds, extension]) end.close();
    rmSync(workDir, { recursive: true });
  });

  it('serves what is there when it starts', async () => {
    await gateway.ready();
    expect(gateway.dataPlane.kind).toBe(dataPlane);
    expect(gateway.listeners).toEqual([{ name: 'default/edge/http', address: url.slice('http://'.length, -1) }]);
    expect(await get()).toBe('200 a');
    expect(await gateway.stats()).toMatchObject([
      { cluster: 'httproute/default/web/rule/0', requests: 1, healthy: true },
    ]);
  });

  it('writes statuses', async () => {
    await eventually(async () => {
      expect((await status(GATEWAY_CLASS, 'tailscale')).conditions).toMatchObject([
        { type: 'Accepted', status: 'True' },
      ]);
      const gatewayStatus = await status(GATEWAY, 'edge');
      expect(gatewayStatus.conditions).toMatchObject([
        { type: 'Accepted', status: 'True' },
        { type: 'Programmed', status: 'True' },
      ]);
      expect(gatewayStatus.addresses).toEqual([{ type: 'IPAddress', value: '127.0.0.1' }]);
      expect(gatewayStatus.listeners).toMatchObject([{ attachedRoutes: 1 }]);
      expect((await status(HTTP_ROUTE, 'web')).parents).toMatchObject([
        {
          conditions: [
            { type: 'Accepted', status: 'True' },
            { type: 'ResolvedRefs', status: 'True' },
          ],
        },
      ]);
    });
  });

  it('follows a route to another backend', async () => {
    await client.apply(HTTP_ROUTE, route('two'), { fieldManager: 'spec' });
    await eventually(async () => expect(await get()).toBe('200 b'));
  });

  it('answers 500 for a backend that does not exist, and says so', async () => {
    await client.apply(HTTP_ROUTE, route('absent'), { fieldManager: 'spec' });
    await eventually(async () => expect(await get()).toBe('500 '));
    await eventually(async () => {
      const conditions = (await status(HTTP_ROUTE, 'web')).parents?.[0]?.conditions;
      expect(conditions?.find((c) => c.type === 'ResolvedRefs')).toMatchObject({
        status: 'False',
        reason: 'BackendNotFound',
      });
    });
    await client.create(SERVICES, service('absent') as GenericObject);
    eds.set('absent', [{ port: a.port }]);
    await eventually(async () => expect(await get()).toBe('200 a'));
  });

  it('asks again for a new revision, and not for a status', async () => {
    const before = extension.calls.length;
    await client.applyStatus(
      SERVICES,
      { namespace: 'default', name: 'absent' },
      {
        status: { totalBackends: 1, healthyBackends: 1, unhealthyBackends: 0 },
        fieldManager: 'spec',
      },
    );
    const sync = {
      metadata: { namespace: 'default', name: 'edge' },
      spec: { revision: '1', targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }] },
    };
    await client.create(SYNC, sync as GenericObject);
    await eventually(() => expect(extension.calls.length).toBe(before + 2));
    expect(extension.calls.at(-1)).toBe('translate 1 clusters, 1 routes: TailscaleGatewaySync default/edge');
    const next = { ...sync, spec: { ...sync.spec, revision: '2' } };
    await client.apply(SYNC, next, { fieldManager: 'spec' });
    await eventually(() => expect(extension.calls.length).toBe(before + 4));
  });

  it('says of what triggers translations that it is accepted, and writes over what stood there', async () => {
    const conditions = async () =>
      (
        (await client.get<GenericObject>(SYNC, { namespace: 'default', name: 'edge' })).status as
          { ancestors?: { ancestorRef: object; conditions: object[] }[] } | undefined
      )?.ancestors;
    await eventually(async () => {
      expect(await conditions()).toMatchObject([
        {
          ancestorRef: { kind: 'Gateway', namespace: 'default', name: 'edge' },
          conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 2 }],
        },
      ]);
    });
  });

  it('serves the ready endpoints of a Service, and follows them', async () => {
    const slice = (ports: number[]) => ({
      metadata: { namespace: 'default', name: 'plain-1', labels: { 'kubernetes.io/service-name': 'plain' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'] }],
      ports: ports.map((port) => ({ port })),
    });
    const rules = [{ backendRefs: [{ name: 'plain', port: 80 }] }];
    const plain = { ...route('two'), spec: { ...route('two').spec, rules } };
    await client.create(SERVICE, {
      metadata: { namespace: 'default', name: 'plain' },
      spec: { ports: [{ port: 80 }] },
    } as GenericObject);
    await client.apply(HTTP_ROUTE, plain, { fieldManager: 'spec' });
    await eventually(async () => expect(await get()).toBe('503 '));
    await client.apply(ENDPOINT_SLICE, slice([a.port]), { fieldManager: 'spec' });
    await eventually(async () => expect(await get()).toBe('200 a'));
    await client.apply(ENDPOINT_SLICE, slice([b.port]), { fieldManager: 'spec' });
    await eventually(async () => expect(await get()).toBe('200 b'));
    await client.apply(HTTP_ROUTE, route('absent'), { fieldManager: 'spec' });
    await eventually(async () => expect(await get()).toBe('200 a'));
  });

  it('keeps serving while hooks fail, and catches up by itself', async () => {
    extension.failure = { code: 14, details: 'no model' };
    await client.apply(HTTP_ROUTE, route('one'), { fieldManager: 'spec' });
    for (let i = 0; i < 10; i++) expect(await get()).toBe('200 a');
    await client.apply(HTTP_ROUTE, route('two'), { fieldManager: 'spec' });
    extension.failure = undefined;
    await eventually(async () => expect(await get()).toBe('200 b'));
  });
});
