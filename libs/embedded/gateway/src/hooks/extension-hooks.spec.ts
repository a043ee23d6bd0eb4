import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { KubeObject } from '../resources.ts';
import { eventually } from '../testing/eventually.ts';
import { TestExtensionServer } from '../testing/extension-server.ts';
import { readResources } from '../testing/read-resources.ts';
import { freePort } from '../testing/snapshots.ts';
import { translate } from '../translate.ts';
import { ExtensionHooks } from './extension-hooks.ts';

const object = (kind: string, name: string, spec: object): KubeObject =>
  ({ kind, metadata: { namespace: 'apps', name, generation: 1 }, spec }) as KubeObject;
const ref = (name: string, kind = 'TailscaleServices') => ({ group: 'gateway.tailscale.com', kind, name });

const translation = translate(
  readResources([
    object('GatewayClass', 'c', { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' }),
    object('Gateway', 'edge', { gatewayClassName: 'c', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] }),
    object('HTTPRoute', 'r', {
      parentRefs: [{ name: 'edge' }],
      hostnames: ['a.test', 'b.test'],
      rules: [
        { backendRefs: [ref('shop'), ref('machines', 'TailscaleEndpoints')] },
        { backendRefs: [ref('absent')] },
        { backendRefs: [ref('shop')] },
      ],
    }),
    object('TailscaleServices', 'shop', {}),
    object('TailscaleEndpoints', 'machines', {}),
    object('TailscaleGatewaySync', 'edge', { targetRefs: [{ kind: 'Gateway', name: 'edge' }] }),
  ]),
  { address: '127.0.0.1' },
);

describe('the hooks', () => {
  let server: TestExtensionServer;
  let hooks: ExtensionHooks;
  const signal = new AbortController().signal;

  beforeEach(async () => {
    server = new TestExtensionServer();
    hooks = new ExtensionHooks(await server.listen());
  });
  afterEach(() => {
    hooks.close();
    server.close();
  });

  it('are called as Envoy Gateway calls them: each cluster once with its own rule, then all, one after the other', async () => {
    const snapshot = await hooks.apply(translation, signal);
    expect(server.calls).toEqual([
      'cluster httproute/apps/r/rule/0: TailscaleServices apps/shop, TailscaleEndpoints apps/machines',
      'cluster httproute/apps/r/rule/2: TailscaleServices apps/shop',
      'translate 2 clusters, 1 routes: TailscaleGatewaySync apps/edge',
    ]);
    expect(server.maxConcurrent).toBe(1);
    expect(snapshot.clusters.map((c) => c.edsClusterConfig?.serviceName)).toEqual(['shop', 'shop']);
    expect(snapshot.listeners).toEqual(translation.listeners);
  });

  it('may change listeners', async () => {
    server.change = (answer) => ({
      ...answer,
      listeners: answer.listeners.map((l) => ({ ...l, statPrefix: 'changed' })),
    });
    const { listeners } = await hooks.apply(translation, signal);
    expect(listeners.map((l) => [l.name, l.statPrefix])).toEqual([['apps/edge/http', 'changed']]);
  });

  it('keep fields that this project does not know', async () => {
    const unknown = Cluster.decode(
      Buffer.concat([Cluster.encode(Cluster.fromPartial({ name: 'x' })).finish(), Buffer.from([0xc2, 0x3e, 1, 7])]),
    );
    server.change = (answer) => ({ ...answer, clusters: [unknown] });
    const { clusters } = await hooks.apply(translation, signal);
    expect(Buffer.from(Cluster.encode(clusters[0]!).finish()).includes(Buffer.from([0xc2, 0x3e, 1, 7]))).toBe(true);
  });

  it('fail with the hook and the reason', async () => {
    server.failure = { code: 14, details: 'no model yet' };
    await expect(hooks.apply(translation, signal)).rejects.toThrow(
      'PostClusterModify of httproute/apps/r/rule/0: UNAVAILABLE: no model yet',
    );
  });

  it('wait for a server that is away', async () => {
    const port = await freePort();
    const waiting = new ExtensionHooks(`127.0.0.1:${port}`);
    let done = false;
    const applied = waiting.apply(translation, signal).then(() => (done = true));
    const late = new TestExtensionServer();
    expect(done).toBe(false);
    await late.listen(port);
    await applied;
    await eventually(() => expect(late.calls).toHaveLength(3));
    waiting.close();
    late.close();
  });

  it('end when they are aborted', async () => {
    const waiting = new ExtensionHooks(`127.0.0.1:${await freePort()}`);
    const abort = new AbortController();
    const applied = waiting.apply(translation, abort.signal);
    abort.abort();
    await expect(applied).rejects.toThrow('CANCELLED');
    waiting.close();
  });
});
