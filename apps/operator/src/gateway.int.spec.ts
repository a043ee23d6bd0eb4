import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { customResourceDefinitions } from '@tsgateway/api';
import { startKubeApi, type KubeApi } from '@tsgateway/embedded-kube';
import { isNotFound, KubeClient, versionOf, type GenericObject, type Resource } from '@tsgateway/kube';
import {
  apiGateways,
  endpoints,
  endpointSlices,
  ENVOY_GATEWAY_CONTROLLER,
  envoyProxies,
  gatewayClasses,
  gateways,
  httpRoutes,
  namespaces,
  services,
  syncs,
  tcpRoutes,
} from './resources.ts';
import { endpointsObject, servicesObject } from './testing/objects.ts';
import {
  eventually,
  OperatorProcess,
  readModel,
  startChecker,
  startCoordinator,
  startTraffic,
} from './testing/processes.ts';

const events: Resource<GenericObject & { reason?: string; note?: string; regarding?: { kind?: string } }> = {
  ...{ group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
};

const tcpRouteDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'tcproutes.gateway.networking.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api' },
  },
  spec: {
    group: 'gateway.networking.k8s.io',
    scope: 'Namespaced',
    names: { plural: 'tcproutes', singular: 'tcproute', kind: 'TCPRoute', listKind: 'TCPRouteList' },
    versions: [
      {
        ...{ name: 'v1alpha2', served: true, storage: true },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

const shop = (name: string) => ({ namespace: 'shop', name });
const ref = { group: 'gateway.tailscale.com', kind: 'TailscaleServices', name: 'web', port: 80 };
const manifest = (object: object) => object as never;

function written(object: { metadata: object }): never {
  const { uid: _u, resourceVersion: _r, generation: _g, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata } as never;
}

describe('the operator and Gateways', () => {
  let kube: KubeApi;
  let client: KubeClient;
  let folder: string;
  let coordinator: Awaited<ReturnType<typeof startCoordinator>>;
  let checker: Awaited<ReturnType<typeof startChecker>>;
  const operators: OperatorProcess[] = [];

  const start = async (env: Record<string, string> = {}): Promise<OperatorProcess> => {
    const operator = new OperatorProcess({
      KUBECONFIG: join(folder, 'config'),
      POD_NAME: `operator-${operators.length}`,
      COORDINATOR_ADDRESS: coordinator.address,
      HEALTH_CHECKER_ADDRESSES: checker.address,
      LEADER_ELECTION_ENABLED: 'false',
      XDS_ADDRESSES: 'xds.example.svc:5006',
      ...env,
    });
    operators.push(operator);
    await operator.line('Starting controllers');
    return operator;
  };
  const sync = () => client.get(syncs, shop('eg')).catch(() => undefined);
  const gone = (found: Promise<unknown>) => found.then(() => false, isNotFound);
  const writes = async (operator: OperatorProcess): Promise<string | undefined> =>
    /^gateway_sync_writes_total (\d+)$/m.exec(
      await (await operator.http('METRICS_BIND_ADDRESS', '/metrics')).text(),
    )?.[1];
  /** What is decided after this has returned came after everything that was there before. */
  const later = async (name: string): Promise<void> => {
    await client.create(services, written(servicesObject(name)));
    await eventually('a later status', async () => {
      return (await client.get(services, shop(name))).status?.totalBackends === 0;
    });
  };
  const gateway = (name: string, infrastructure?: object) =>
    client.create(
      apiGateways,
      manifest({
        metadata: shop(name),
        spec: { gatewayClassName: 'eg', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }], infrastructure },
      }),
    );
  const route = (name: string, parent: string, rule: object = { backendRefs: [ref] }) =>
    client.create(
      httpRoutes,
      manifest({ metadata: shop(name), spec: { parentRefs: [{ name: parent }], rules: [rule] } }),
    );
  /** What Envoy Gateway says once it attached a route. */
  const accept = (name: string, parent: string) =>
    client.applyStatus(httpRoutes, shop(name), {
      fieldManager: 'envoy-gateway',
      status: {
        parents: [
          {
            parentRef: { name: parent },
            controllerName: ENVOY_GATEWAY_CONTROLLER,
            conditions: [
              {
                ...{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '' },
                lastTransitionTime: '2026-01-01T00:00:00Z',
              },
            ],
          },
        ],
      },
    });
  const eventWith = (reason: string) =>
    eventually(`an Event ${reason}`, async () =>
      (await client.list(events, { namespace: 'shop' })).items.find((e) => e.reason === reason),
    );

  beforeEach(async () => {
    kube = await startKubeApi({ crds: customResourceDefinitions() });
    folder = mkdtempSync(join(tmpdir(), 'operator-'));
    writeFileSync(join(folder, 'config'), kube.kubeconfig());
    client = KubeClient.connect({ kubeconfigPath: join(folder, 'config'), userAgent: 'spec', qps: 1000, burst: 1000 });
    [coordinator, checker] = await Promise.all([startCoordinator(), startChecker()]);
    await client.create(namespaces, { metadata: { name: 'shop' } });
    await client.create(
      gatewayClasses,
      manifest({ metadata: { name: 'eg' }, spec: { controllerName: ENVOY_GATEWAY_CONTROLLER } }),
    );
    for (const name of ['east', 'west']) await client.create(endpoints, written(endpointsObject(name)));
    await client.create(services, written(servicesObject('web')));
  });
  afterEach(async () => {
    await Promise.all(operators.splice(0).map((o) => o.stop('SIGKILL')));
    await Promise.all([coordinator.close(), checker.close(), client.close(), kube.close()]);
    rmSync(folder, { recursive: true });
  });

  it('asks for a translation when the structure changed, after the model was sent, and for nothing else', async () => {
    const owner = await gateway('eg');
    await route('web', 'eg');
    const operator = await start();
    const reader = readModel(await operator.modelAddress());
    const first = await eventually('a sync', sync);
    expect(first.spec.targetRefs).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' }]);
    expect(first.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Gateway', uid: owner.metadata.uid });
    await eventually('the revision', () => reader.state.model.revision >= versionOf(first.spec.revision));

    // Membership and health: endpoint discovery tells of these.
    await client.patch(endpoints, shop('west'), { type: 'merge', body: { metadata: { labels: { app: 'other' } } } });
    await eventually('the model', () => reader.service('web')?.groups.length === 1);
    await later('later');
    expect((await sync())?.metadata.resourceVersion).toBe(first.metadata.resourceVersion);

    const rules = [{ backendRefs: [{ ...ref, weight: 7 }] }];
    await client.patch(httpRoutes, shop('web'), { type: 'merge', body: { spec: { rules } } });
    const second = await eventually('another revision', async () => {
      const found = await sync();
      return found?.spec.revision !== first.spec.revision && found;
    });
    expect(versionOf(second.spec.revision)).toBeGreaterThan(versionOf(first.spec.revision));
    expect(reader.state.model.routes.get('HTTPRoute/shop/web')?.rules[0]?.backendRefs[0]?.weight).toBe(7);
    expect(await writes(operator)).toBe('2');

    // A restart changes nothing.
    await operator.stop();
    const again = await start();
    await later('later-still');
    expect((await sync())?.metadata.resourceVersion).toBe(second.metadata.resourceVersion);
    expect(await writes(again)).toBe('0');

    await client.delete(httpRoutes, shop('web'));
    await eventually('no sync', () => gone(client.get(syncs, shop('eg'))));
    reader.close();
  });

  it('makes an EnvoyProxy once a route is attached, where none is named; else says what is missing', async () => {
    await gateway('eg');
    await gateway('own', { parametersRef: { group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', name: 'mine' } });
    await client.create(
      gatewayClasses,
      manifest({ metadata: { name: 'x' }, spec: { controllerName: 'example.com/x' } }),
    );
    await client.create(
      apiGateways,
      manifest({
        metadata: shop('foreign'),
        spec: { gatewayClassName: 'x', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      }),
    );
    await client.create(envoyProxies, manifest({ metadata: shop('mine'), spec: {} }));
    for (const parent of ['eg', 'own', 'foreign']) await route(`to-${parent}`, parent);
    await start();
    await eventually('a sync', sync);
    await later('later');
    // A route that nobody attached is a wish, and restarts nobody's Envoys.
    expect((await client.list(envoyProxies, { namespace: 'shop' })).items).toHaveLength(1);

    for (const parent of ['eg', 'own', 'foreign']) await accept(`to-${parent}`, parent);
    const made = await eventually('an EnvoyProxy', () =>
      client.get(envoyProxies, shop('tailscale-gateway-eg')).catch(() => undefined),
    );
    expect(made.spec?.bootstrap?.type).toBe('Merge');
    expect(made.spec?.bootstrap?.value).toContain('address: xds.example.svc');
    const named = await eventually('its name in the Gateway', async () => {
      const found = await client.get(apiGateways, shop('eg'));
      return found.spec?.infrastructure?.parametersRef && found;
    });
    expect(named.spec?.infrastructure?.parametersRef?.name).toBe('tailscale-gateway-eg');
    const fields = (named.metadata.managedFields as { manager: string; fieldsV1: object }[]).find((f) =>
      f.manager.startsWith('tailscale-gateway-operator/'),
    );
    const parametersRef = { 'f:group': {}, 'f:kind': {}, 'f:name': {} };
    expect(fields?.fieldsV1).toEqual({ 'f:spec': { 'f:infrastructure': { 'f:parametersRef': parametersRef } } });

    expect((await eventWith('SnippetNeeded')).note).toMatch(/^EnvoyProxy shop\/mine has no cluster tsgateway_eds/);
    const tailnet = { group: 'gateway.tailscale.com', kind: 'TailscaleTailnet', name: 'demo' };
    await client.create(
      gateways,
      manifest({
        metadata: shop('own'),
        spec: {
          gatewayRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'own' },
          tailnets: [{ name: 'demo', tailscaleTailnetRef: tailnet }],
        },
      }),
    );
    const condition = (status: string) =>
      eventually(`BootstrapConfigured ${status}`, async () =>
        (await client.get(gateways, shop('own'))).status?.conditions?.find(
          (c) => c.type === 'BootstrapConfigured' && c.status === status,
        ),
      );
    expect((await condition('False')).message).toContain('        - name: tsgateway_eds');
    await client.patch(envoyProxies, shop('mine'), {
      type: 'merge',
      body: { spec: { bootstrap: made.spec?.bootstrap } },
    });
    await condition('True');
    expect((await client.get(apiGateways, shop('own'))).spec?.infrastructure?.parametersRef?.name).toBe('mine');
    expect((await client.get(apiGateways, shop('foreign'))).spec?.infrastructure).toBeUndefined();
    expect(await gone(client.get(syncs, shop('foreign')))).toBe(true);
    expect((await client.list(envoyProxies, { namespace: 'shop' })).items).toHaveLength(2);
  });

  it('says of routes that cannot be carried which, and what to do; a kind that is not installed holds up nothing', async () => {
    const mirror = { type: 'RequestMirror', requestMirror: { backendRef: ref } };
    await route('mirrored', 'eg', { filters: [mirror], backendRefs: [{ name: 'plain', port: 80 }] });
    const operator = await start();
    const ready = await operator.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz?verbose');
    expect([ready.status, await ready.text()]).toEqual([
      200,
      expect.stringContaining('not installed: TCPRoute, TLSRoute, UDPRoute'),
    ]);
    const supported = (message: RegExp) =>
      eventually(`RoutesSupported ${message.source}`, async () =>
        (await client.get(services, shop('web'))).status?.conditions?.find(
          (c) => c.type === 'RoutesSupported' && c.status === 'False' && message.test(c.message),
        ),
      );
    expect((await supported(/HTTPRoute shop\/mirrored/)).reason).toBe('UnsupportedMirror');
    await eventWith('UnsupportedMirror');
    await operator.stop();

    await client.create(
      {
        group: 'apiextensions.k8s.io',
        version: 'v1',
        plural: 'customresourcedefinitions',
        kind: 'CustomResourceDefinition',
        namespaced: false,
      },
      manifest(tcpRouteDefinition),
    );
    await eventually('the definition', () =>
      client.create(tcpRoutes, manifest({ metadata: shop('db'), spec: { rules: [{ backendRefs: [ref] }] } })).then(
        () => true,
        () => false,
      ),
    );
    await start();
    const condition = await supported(/^TCPRoute shop\/db: only HTTPRoutes and GRPCRoutes/);
    expect(condition.reason).toBe('UnsupportedRouteKind');
    expect((await eventWith('UnsupportedRouteKind')).regarding?.kind).toBe('TCPRoute');

    await client.delete(tcpRoutes, shop('db'));
    await client.delete(httpRoutes, shop('mirrored'));
    await eventually('no such condition', async () =>
      (await client.get(services, shop('web'))).status?.conditions?.every((c) => c.type !== 'RoutesSupported'),
    );
  });

  it('writes request counts with the next other change, and finds peers by EndpointSlices', async () => {
    const traffic = await startTraffic();
    const operator = await start({ EXTENSION_SERVER_ADDRESSES: traffic.address, HEALTH_CHECKER_ADDRESSES: '' });
    const reader = readModel(await operator.modelAddress());
    const web = () => client.get(services, shop('web'));
    await eventually('a status', async () => (await web()).status?.totalBackends === 2);
    await eventually('a reader', () => traffic.readers() === 1);
    const { resourceVersion } = (await web()).metadata;
    traffic.report('TailscaleServices/shop/web', { east: 40, west: 2 });
    traffic.report('TailscaleServices/shop/web', { east: 41, west: 2, gone: 9 });
    await later('later');
    expect((await web()).metadata.resourceVersion).toBe(resourceVersion);
    await client.patch(endpoints, shop('west'), { type: 'merge', body: { metadata: { labels: { tier: 'gold' } } } });
    await eventually('counts', async () => {
      const counts = (await web()).status?.loadBalancingStatus?.requestCounts;
      return counts?.['east'] === 41 && counts['west'] === 2 && Object.keys(counts).length === 2;
    });

    expect(reader.state.model.checkers.addresses).toEqual([]);
    const slice = (addresses: string[]) => ({
      metadata: {
        name: 'checkers-1',
        namespace: 'tailscale-gateway-system',
        labels: { 'kubernetes.io/service-name': 'tailscale-gateway-health-checker' },
      },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: [],
    });
    await client.create(namespaces, { metadata: { name: 'tailscale-gateway-system' } }).catch(() => undefined);
    await client.create(endpointSlices, manifest(slice(['127.0.0.2'])));
    await eventually('checkers', () => reader.state.model.checkers.addresses.join() === '127.0.0.2:5030');
    const { epoch } = reader.state.model.checkers;
    await client.apply(endpointSlices, slice(['127.0.0.2', '127.0.0.3']), { fieldManager: 'spec' });
    await eventually('more checkers', () => reader.state.model.checkers.addresses.length === 2);
    expect(reader.state.model.checkers.epoch).toBeGreaterThan(epoch);
    reader.close();
    await traffic.close();
  });
});
