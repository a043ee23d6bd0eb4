import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import {
  customResourceDefinitions,
  FINALIZER,
  type TailscaleEndpoints,
  type TailscaleServices,
  type TailscaleTailnet,
} from '@tsgateway/api';
import type { ApiServer, StartApiServer } from '@tsgateway/embedded-kube';
import { isNotFound, KubeClient, leases, type GenericObject, type Resource } from '@tsgateway/kube';
import { machinesOf, targetId } from '@tsgateway/model';
import { endpoints, gateways, httpRoutes, namespaces, services, tailnets } from '../resources.ts';
import { endpointsObject, routeObject, servicesObject } from './objects.ts';
import { eventually, OperatorProcess, readModel, startChecker, startCoordinator } from './processes.ts';

const events: Resource<GenericObject & { reason?: string }> = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const LEASE = { namespace: 'tailscale-gateway-system', name: 'tailscale-gateway-operator' };

/** As a user writes it: what the API server sets is not there. */
function written<T extends { metadata: object }>(object: T): T {
  const {
    uid: _uid,
    resourceVersion: _version,
    generation: _generation,
    ...metadata
  } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

const tailnet: TailscaleTailnet = {
  apiVersion: 'gateway.tailscale.com/v1alpha1',
  kind: 'TailscaleTailnet',
  metadata: { name: 'demo' },
  spec: { oauthSecretName: 'oauth' },
};

/**
 * The built operator as a process, against an API server of its own for each test; its coordinator and its checker are
 * stubs. Registers its tests with jest.
 */
export function operatorSuite(startApiServer: StartApiServer): void {
  let kube: ApiServer;
  let client: KubeClient;
  let folder: string;
  let coordinator: Awaited<ReturnType<typeof startCoordinator>>;
  let checker: Awaited<ReturnType<typeof startChecker>>;
  const operators: OperatorProcess[] = [];
  const readers: ReturnType<typeof readModel>[] = [];

  const start = (env: Record<string, string> = {}): OperatorProcess => {
    const operator = new OperatorProcess({
      KUBECONFIG: join(folder, 'config'),
      POD_NAME: `operator-${operators.length}`,
      COORDINATOR_ADDRESS: coordinator.address,
      HEALTH_CHECKER_ADDRESSES: checker.address,
      ...env,
    });
    operators.push(operator);
    return operator;
  };
  const read = async (operator: OperatorProcess) => {
    const reader = readModel(await operator.modelAddress());
    readers.push(reader);
    await eventually('a snapshot', () => reader.state.at > 0);
    return reader;
  };
  const web = () => client.get(services, { namespace: 'shop', name: 'web' });
  const ready = (object: { status?: TailscaleServices['status'] | TailscaleEndpoints['status'] }) =>
    object.status?.conditions?.find((c) => c.type === 'Ready');

  beforeEach(async () => {
    kube = await startApiServer({ crds: customResourceDefinitions() });
    folder = mkdtempSync(join(tmpdir(), 'operator-'));
    writeFileSync(join(folder, 'config'), kube.kubeconfig());
    client = KubeClient.connect({ kubeconfigPath: join(folder, 'config'), userAgent: 'spec', qps: 1000, burst: 1000 });
    coordinator = await startCoordinator();
    checker = await startChecker();
    await client.create(namespaces, { metadata: { name: 'shop' } });
    await client.create(tailnets, tailnet);
    await client.create(
      endpoints,
      written(endpointsObject('east', { endpoints: [{ name: 'east-0', ip: '100.64.0.1' }] })),
    );
    await client.create(
      endpoints,
      written(endpointsObject('west', { endpoints: [{ name: 'west-0', ip: '100.64.0.2' }] })),
    );
  });
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.close();
    await Promise.all(operators.splice(0).map((o) => o.stop('SIGKILL')));
    await coordinator.close();
    await checker.close();
    await client.close();
    await kube.close();
    rmSync(folder, { recursive: true });
  });

  it('makes a service of what it selects: model, status, VIP service, events; and undoes it', async () => {
    const operator = start();
    await client.create(services, written(servicesObject('web', { vipService: { name: 'svc:web' } })));
    await client.create(httpRoutes, written(routeObject('web', 'web')));
    await operator.line('Started operator');
    expect((await operator.http('HEALTH_PROBE_BIND_ADDRESS', '/readyz')).status).toBe(200);

    const reader = await read(operator);
    expect(machinesOf(reader.service('web')!).map((m) => m.host)).toEqual(['100.64.0.1', '100.64.0.2']);
    expect([...reader.state.model.routes.keys()]).toEqual(['HTTPRoute/shop/web']);
    expect(reader.state.model.checkers).toEqual({ epoch: 1, addresses: [checker.address] });

    const object = await eventually('a ready service', async () => {
      const found = await web();
      return ready(found)?.status === 'True' && found.status?.vipServiceStatus?.created && found;
    });
    expect(object.status).toMatchObject({
      totalBackends: 2,
      healthyBackends: 2,
      selectedEndpoints: [
        { name: 'east', machines: ['east-0'], status: 'Ready' },
        { name: 'west', machines: ['west-0'], status: 'Ready' },
      ],
      vipServiceStatus: { serviceName: 'svc:web', addresses: ['100.100.0.1'], dnsName: 'web.demo.ts.net' },
      loadBalancingStatus: { strategy: 'round-robin', endpointWeights: { east: 1, west: 1 } },
    });
    const kubeSystem = await client.get(namespaces, { name: 'kube-system' });
    expect(object.status?.serviceInfo?.ownerOperator).toBe(kubeSystem.metadata.uid);
    expect(object.metadata.finalizers).toEqual([FINALIZER]);
    const demo = await eventually('a tailnet status', async () => {
      const found = await client.get(tailnets, { name: 'demo' });
      return found.status?.conditions?.[0]?.status === 'True' && found;
    });
    expect(demo.status).toMatchObject({
      deviceCount: 3,
      tailnetInfo: { name: 'example.com' },
      credentialStatus: { valid: true },
    });
    expect(coordinator.calls).toContain('describe demo tailscale-gateway-system/oauth');
    const reasons = async () => (await client.list(events, { namespace: 'shop' })).items.map((e) => e.reason);
    await eventually('an event', async () => (await reasons()).includes('Programmed'));

    await client.delete(services, { namespace: 'shop', name: 'web' });
    await eventually('the object to be gone', () => web().then(() => false, isNotFound));
    expect(coordinator.vips.size).toBe(0);
    await eventually('the model to be empty', () => reader.service('web') === undefined);
  });

  it('follows a relabel in the model within milliseconds, in the status in well under a second', async () => {
    const operator = start({ LEADER_ELECTION_ENABLED: 'false' });
    await client.create(services, written(servicesObject('web')));
    const reader = await read(operator);
    await eventually('a status', async () => (await web()).status?.totalBackends === 2);
    const started = performance.now();
    await client.patch(
      endpoints,
      { namespace: 'shop', name: 'west' },
      { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    );
    await eventually('the model', () => reader.service('web')?.groups.length === 1);
    const modelMs = reader.state.at - started;
    await eventually('the status', async () => (await web()).status?.totalBackends === 1);
    const statusMs = performance.now() - started;
    // Generous for a busy machine; a queue or a poll in between would not pass.
    expect(modelMs).toBeLessThan(300);
    expect(statusMs).toBeLessThan(1000);
  });

  it('brings health into the statuses and the log, and writes nothing in a steady state', async () => {
    const operator = start({ LEADER_ELECTION_ENABLED: 'false' });
    const failover = {
      strategy: 'failover' as const,
      failoverConfig: { primaryEndpoints: ['east'], secondaryEndpoints: ['west'], failbackDelay: '300ms' },
    };
    await client.create(services, written(servicesObject('web', { loadBalancing: failover })));
    const reader = await read(operator);
    await eventually('a status', async () => (await web()).status?.totalBackends === 2);
    await eventually('the health stream', () => checker.readers() > 0);
    const target = targetId(machinesOf(reader.service('web')!)[0]!)!;
    checker.report(target, false);
    const failed = await eventually('a failover', async () => {
      const found = await web();
      return found.status?.loadBalancingStatus?.failoverStatus?.activeTier === 'secondary' && found;
    });
    expect(failed.status).toMatchObject({
      healthyBackends: 1,
      loadBalancingStatus: {
        endpointWeights: { east: 0, west: 1 },
        failoverStatus: { failoverReason: 'primary-endpoints-unhealthy' },
      },
    });
    await eventually('the endpoints', async () => {
      const east = await client.get(endpoints, { namespace: 'shop', name: 'east' });
      return (
        east.status?.endpointStatus?.[0]?.healthStatus === 'Unhealthy' &&
        ready(east)?.reason === 'AllEndpointsUnhealthy'
      );
    });
    expect(await operator.line('health check failed')).toMatchObject({ level: 'WARN', services: ['shop/web'] });
    // The status comes back into the model, for processes that start without a history.
    await eventually('the seed', () => reader.service('web')?.failoverSeed?.activeTier === 'secondary');
    checker.report(target, true);
    const back = await eventually('a failback', async () => {
      const found = await web();
      return found.status?.loadBalancingStatus?.failoverStatus?.activeTier === 'primary' && found;
    });
    expect(back.status?.loadBalancingStatus?.failoverStatus?.lastFailback).toBeDefined();
    const version = (await web()).metadata.resourceVersion;
    for (let i = 0; i < 20; i++) checker.report(target, true);
    // What is written for a service that came later was decided after the reports had been.
    await client.create(services, written(servicesObject('later')));
    await eventually('a later write', async () => {
      const later = await client.get(services, { namespace: 'shop', name: 'later' });
      return later.status?.totalBackends === 0;
    });
    expect((await web()).metadata.resourceVersion).toBe(version);
  });

  it('says what is wrong with an object, and goes on serving the others', async () => {
    const operator = start({ LEADER_ELECTION_ENABLED: 'false' });
    await client.create(services, written(servicesObject('web')));
    await eventually('a status', async () => (await web()).status?.totalBackends === 2);
    // An API server whose definition is older, or gone, lets anything in.
    const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    await client.patch(
      definitions,
      { name: 'tailscaleservices.gateway.tailscale.com' },
      {
        type: 'json',
        body: [{ op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema', value: anything }],
      },
    );
    const selector = { matchExpressions: [{ key: 'not a key!', operator: 'Exists' as const }] };
    await eventually('the definition', () =>
      client.create(services, { ...written(servicesObject('bad')), spec: { selector } as never }).then(
        () => true,
        () => false,
      ),
    );
    await client.patch(services, { namespace: 'shop', name: 'web' }, { type: 'merge', body: { spec: { selector } } });
    for (const [name, told] of [
      ['bad', 'Nothing of it is served.'],
      ['web', 'The last valid version is still served.'],
    ] as const) {
      await eventually(`a condition of ${name}`, async () => {
        const found = await client.get(services, { namespace: 'shop', name });
        return found.status?.conditions?.some(
          (c) => c.type === 'Accepted' && c.status === 'False' && c.message.endsWith(told),
        );
      });
    }
    const reader = await read(operator);
    expect([reader.service('web')?.groups.length, reader.service('bad')]).toEqual([2, undefined]);
    const gateway = {
      apiVersion: 'gateway.tailscale.com/v1alpha1' as const,
      kind: 'TailscaleGateway' as const,
      metadata: { name: 'gw', namespace: 'shop' },
      spec: {
        gatewayRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' },
        tailnets: [
          {
            name: 'demo',
            tailscaleTailnetRef: { group: 'gateway.tailscale.com', kind: 'TailscaleTailnet', name: 'demo' },
          },
        ],
      },
    };
    await client.create(gateways, gateway as never);
    await eventually('a status of the gateway', async () => {
      const found = await client.get(gateways, { namespace: 'shop', name: 'gw' });
      return found.status?.conditions?.some((c) => c.type === 'Accepted' && c.message.includes('not generated'));
    });
    const metrics = await (await operator.http('METRICS_BIND_ADDRESS', '/metrics')).text();
    expect(metrics).toMatch(
      /controller_runtime_reconcile_total\{controller="tailscaleservices",result="success"\} [1-9]/,
    );
    expect(metrics).toMatch(/rest_client_requests_total\{code="200",method="GET",host="127\.0\.0\.1:\d+"\} [1-9]/);
    expect(metrics).toMatch(/leader_election_master_status\{name="tailscale-gateway-operator"\} 1/);
    expect(metrics).toContain('workqueue_depth{name="tailscaleendpoints",controller="tailscaleendpoints"}');
  });

  it('serves the model on a standby, which takes over when the leader goes', async () => {
    const first = start();
    await first.line('Starting controllers');
    const second = start();
    const reader = await read(second);
    await client.create(services, written(servicesObject('web')));
    await eventually('the model of the standby', () => reader.service('web')?.groups.length === 2);
    expect(second.lines.some((l) => l['msg'] === 'Starting controllers')).toBe(false);
    await eventually('a status by the leader', async () => (await web()).status?.totalBackends === 2);

    expect(await first.stop()).toBe(0);
    expect(first.lines.map((l) => l['msg'])).toContain('released the leader lease');
    await eventually(
      'the other to lead',
      async () => (await client.get(leases, LEASE)).spec?.holderIdentity?.startsWith('operator-1'),
      5000,
    );
    await client.patch(
      endpoints,
      { namespace: 'shop', name: 'west' },
      { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    );
    await eventually('a status by the new leader', async () => (await web()).status?.totalBackends === 1);
    // Not a break in the stream of the reader that the standby served.
    await eventually('the model', () => reader.service('web')?.groups.length === 1);
  });

  it('takes over from a leader that was killed, when its lease has run out', async () => {
    const first = start();
    await first.line('Starting controllers');
    const second = start();
    await second.line('Started operator');
    await first.stop('SIGKILL');
    const killed = performance.now();
    await second.line('Starting controllers', 25_000);
    // Not while the killed one could still believe that it leads (10 s), and soon after its 15 s.
    expect(performance.now() - killed).toBeGreaterThan(10_000);
    expect(performance.now() - killed).toBeLessThan(20_000);
  });
}
