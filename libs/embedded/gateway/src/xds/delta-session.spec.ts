import { setImmediate as tick } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { DeltaDiscoveryResponse } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { DeltaDiscoveryRequest } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { edsCluster, snapshotOf, toCluster } from '../testing/snapshots.ts';
import type { Nack } from './delta-session.ts';
import { DeltaSession } from './delta-session.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, xdsResources } from './resource.ts';

const resourcesOf = (cluster: string) => xdsResources(snapshotOf(10080, [edsCluster(cluster)], [toCluster(cluster)]));

describe('DeltaSession', () => {
  let sent: DeltaDiscoveryResponse[];
  let nacks: Nack[];
  let settled: number[];
  let warm: () => void;
  let session: DeltaSession;

  const request = (r: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]) => {
    session.onRequest(DeltaDiscoveryRequest.fromPartial(r));
  };
  /** What was sent since the last look: type, names, removed names. */
  const taken = () =>
    sent.splice(0).map((r) => [r.typeUrl.split('.').at(-1), r.resources.map((x) => x.name), r.removedResources]);
  const acknowledgeAll = async () => {
    for (const r of sent) request({ typeUrl: r.typeUrl, responseNonce: r.nonce });
    const seen = taken();
    await tick();
    return seen;
  };

  beforeEach(() => {
    [sent, nacks, settled] = [[], [], []];
    warm = () => {};
    session = new DeltaSession(
      {
        send: (r) => sent.push(r),
        warmed: () => new Promise<void>((resolve) => (warm = resolve)),
        onNack: (nack) => nacks.push(nack),
        onSettled: (version) => settled.push(version),
      },
      { resources: resourcesOf('one'), version: 1 },
    );
  });

  async function subscribeAll(): Promise<void> {
    request({ typeUrl: CLUSTER_TYPE });
    request({ typeUrl: LISTENER_TYPE });
    request({ typeUrl: ROUTE_TYPE, resourceNamesSubscribe: ['test/listener'] });
    await acknowledgeAll();
    warm();
    await tick();
  }

  it('sends everything of a type to who asks first, and tells when all is acknowledged', async () => {
    request({ typeUrl: CLUSTER_TYPE });
    expect(taken()).toEqual([['Cluster', ['one'], []]]);
    request({ typeUrl: CLUSTER_TYPE, responseNonce: '1' });
    request({ typeUrl: LISTENER_TYPE });
    expect(taken()).toEqual([['Listener', ['test/listener'], []]]);
    await tick();
    warm();
    await tick();
    expect(settled).toEqual([]);
    request({ typeUrl: LISTENER_TYPE, responseNonce: '2' });
    await tick();
    expect(settled).toEqual([1]);
  });

  it('makes before it breaks: new clusters, when they are warm the routes, then the old clusters go', async () => {
    await subscribeAll();
    session.publish(resourcesOf('two'), 2);
    await tick();
    expect(await acknowledgeAll()).toEqual([['Cluster', ['two'], []]]);
    expect(taken()).toEqual([]);
    warm();
    await tick();
    expect(await acknowledgeAll()).toEqual([['RouteConfiguration', ['test/listener'], []]]);
    expect(await acknowledgeAll()).toEqual([['Cluster', [], ['one']]]);
    expect(settled.at(-1)).toBe(2);
  });

  it('goes straight to the newest publication when it is overtaken', async () => {
    await subscribeAll();
    session.publish(resourcesOf('two'), 2);
    await tick();
    await acknowledgeAll();
    session.publish(resourcesOf('three'), 3);
    warm();
    await tick();
    expect(await acknowledgeAll()).toEqual([['Cluster', ['three'], []]]);
    warm();
    await tick();
    await acknowledgeAll();
    expect(await acknowledgeAll()).toEqual([['Cluster', [], ['one', 'two']]]);
    expect(settled.at(-1)).toBe(3);
  });

  it('sends nothing again that the client has', async () => {
    await subscribeAll();
    session.publish(resourcesOf('one'), 2);
    await tick();
    warm();
    await tick();
    expect(taken()).toEqual([]);
    expect(settled.at(-1)).toBe(2);
  });

  it('reports a refusal and goes on', async () => {
    await subscribeAll();
    session.publish(resourcesOf('two'), 2);
    await tick();
    request({ typeUrl: CLUSTER_TYPE, responseNonce: sent[0]!.nonce, errorDetail: { code: 3, message: 'bad cluster' } });
    await tick();
    expect(nacks).toEqual([{ typeUrl: CLUSTER_TYPE, message: 'bad cluster' }]);
  });

  it('answers for endpoints with an empty list, and again when asked again', () => {
    request({ typeUrl: ENDPOINT_TYPE, resourceNamesSubscribe: ['x'] });
    request({ typeUrl: ENDPOINT_TYPE, resourceNamesSubscribe: ['x'] });
    expect(taken()).toEqual([
      ['ClusterLoadAssignment', ['x'], []],
      ['ClusterLoadAssignment', ['x'], []],
    ]);
  });

  it('says once that a resource does not exist', () => {
    request({ typeUrl: ROUTE_TYPE, resourceNamesSubscribe: ['absent'] });
    expect(taken()).toEqual([['RouteConfiguration', [], ['absent']]]);
    request({ typeUrl: ROUTE_TYPE, resourceNamesSubscribe: ['test/listener'] });
    expect(taken()).toEqual([['RouteConfiguration', ['test/listener'], []]]);
  });

  it('sends a client that comes back only what it lacks', () => {
    const version = resourcesOf('one').get(CLUSTER_TYPE)!.get('one')!.version;
    request({ typeUrl: CLUSTER_TYPE, initialResourceVersions: { one: version, gone: 'x' } });
    expect(taken()).toEqual([['Cluster', [], ['gone']]]);
  });
});
