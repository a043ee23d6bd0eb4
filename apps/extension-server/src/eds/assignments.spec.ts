import { describe, expect, it } from '@jest/globals';
import { type MeshModel, type MeshService, serviceKey, snapshotOf } from '@tsgateway/model';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { MeshState } from '../mesh/mesh-state.ts';
import { Assignments } from './assignments.ts';

const service = (host: string): MeshService => ({
  kind: 'TailscaleServices',
  namespace: 'default',
  name: 'web',
  generation: 1,
  strategy: 'round-robin',
  failbackDelayMs: 0,
  groups: [
    {
      ...{ name: 'g', source: 'endpoints', weight: 1, tier: 0 },
      machines: [{ id: 'g/0', host, port: 80, protocol: 'HTTP', weight: 1 }],
    },
  ],
});
const cluster = 'tsgateway/default/web/80';

function setup() {
  const known = new Map<string, string[]>();
  const state = new MeshState({
    clock: { now: () => 0, at: () => () => undefined },
    onPlanned: (keys) => assignments.changed(keys),
  });
  const assignments: Assignments = new Assignments(state, {
    addresses: (host) => (/^[\d.]+$/.test(host) ? [host] : known.get(host)),
  });
  let revision = 0n;
  const model = (...services: MeshService[]) => {
    const snapshot: MeshModel = {
      revision: (revision += 1n),
      services: new Map(services.map((s) => [serviceKey(s), s])),
      routes: new Map(),
      checkers: { epoch: 0, addresses: [] },
    };
    state.applyModel(snapshotOf(snapshot));
  };
  const hosts = (name = cluster) => {
    const made = assignments.assignment(name);
    if (!made) return 'silence';
    return ClusterLoadAssignment.decode(made.body).endpoints.flatMap((l) =>
      l.lbEndpoints.map(({ hostIdentifier: h }) => {
        const address = h?.$case === 'endpoint' ? h.value.address?.address : undefined;
        return address?.$case === 'socketAddress' ? address.value.address : undefined;
      }),
    );
  };
  return { known, assignments, model, hosts };
}

describe('Assignments', () => {
  it('are silent before there is a model, then empty for a name that nobody knows', () => {
    const { model, hosts } = setup();
    expect(hosts()).toBe('silence');
    model();
    expect(hosts()).toEqual([]);
    expect(hosts('somebody/else')).toEqual([]);
  });

  it('follow their service', () => {
    const { model, hosts, assignments } = setup();
    model(service('10.0.0.1'));
    expect(hosts()).toEqual(['10.0.0.1']);
    const before = assignments.assignment(cluster)?.version;
    model(service('10.0.0.2'));
    expect(hosts()).toEqual(['10.0.0.2']);
    model(service('10.0.0.1'));
    expect(assignments.assignment(cluster)?.version).toBe(before);
    model();
    expect(hosts()).toEqual([]);
  });

  it('know under which names a service was asked for, until nobody asks any more', () => {
    const { model, hosts, assignments } = setup();
    const key = serviceKey(service(''));
    hosts(); // before there is a model
    hosts(`${cluster}80/0123abcd`);
    hosts('tsgateway/default/other/80');
    model(service('10.0.0.1'));
    expect(assignments.changed(new Set([key]))).toEqual([cluster, `${cluster}80/0123abcd`]);
    assignments.release(cluster);
    expect(assignments.changed(new Set([key]))).toEqual([`${cluster}80/0123abcd`]);
  });

  it('wait for the first lookup of a name, with what was there before', () => {
    const { model, hosts, known, assignments } = setup();
    model(service('web.example'));
    expect(hosts()).toBe('silence');
    model(service('10.0.0.1'));
    expect(hosts()).toEqual(['10.0.0.1']);
    model(service('web.example'));
    expect(hosts()).toEqual(['10.0.0.1']);
    known.set('web.example', ['10.0.0.9']);
    assignments.changed(new Set([serviceKey(service(''))]));
    expect(hosts()).toEqual(['10.0.0.9']);
    known.set('web.example', []);
    assignments.changed(new Set([serviceKey(service(''))]));
    expect(hosts()).toEqual([]);
  });
});
