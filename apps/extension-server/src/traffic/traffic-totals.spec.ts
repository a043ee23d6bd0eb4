import { describe, expect, it } from '@jest/globals';
import type { MeshModel, MeshService } from '@tsgateway/model';
import { ClusterStats } from '@tsgateway/protos/envoy/config/endpoint/v3/load_report';
import fc from 'fast-check';
import { TrafficTotals } from './traffic-totals.ts';

const stats = (clusterName: string, groups: Record<string, [issued: number, succeeded: number, failed: number]>) =>
  ClusterStats.fromPartial({
    clusterName,
    upstreamLocalityStats: Object.entries(groups).map(([region, [issued, succeeded, failed]]) => ({
      locality: { region },
      ...{ totalIssuedRequests: issued, totalSuccessfulRequests: succeeded, totalErrorRequests: failed },
    })),
  });

const model = (services: Record<string, string[]>): Pick<MeshModel, 'services'> => ({
  services: new Map(
    Object.entries(services).map(([key, groups]) => [
      key,
      { groups: groups.map((name) => ({ name })) } as unknown as MeshService,
    ]),
  ),
});

const web = 'TailscaleServices/default/web';

function setup() {
  let now = 0;
  const totals = new TrafficTotals(() => now);
  return { totals, wait: (ms: number) => (now += ms) };
}

describe('TrafficTotals', () => {
  it('sum what Envoys report of all clusters of a service, by group', () => {
    const { totals } = setup();
    totals.retain(model({ [web]: ['east', 'west'] }));
    const changed = totals.add([
      stats('tsgateway/default/web/80', { east: [5, 3, 1], west: [1, 1, 0] }),
      stats('tsgateway/default/web/8080/0123abcd', { east: [2, 2, 0] }),
      stats('httproute/default/web/rule/0', { east: [9, 9, 9] }),
    ]);
    expect(changed.size).toBe(2);
    expect(totals.add([stats('tsgateway/default/web/80', { east: [0, 1, 0], west: [0, 0, 0] })]).size).toBe(1);
    expect(totals.all()).toEqual([
      { service: web, group: 'east', issued: 7n, succeeded: 6n, failed: 1n },
      { service: web, group: 'west', issued: 1n, succeeded: 1n, failed: 0n },
    ]);
  });

  it('tell a TailscaleEndpoints from a TailscaleServices of the same name', () => {
    const { totals } = setup();
    totals.add([
      stats('tsgateway/default/web/80', { web: [1, 1, 0] }),
      stats('tsgateway/default/web/80/endpoints', { web: [2, 2, 0] }),
    ]);
    expect(totals.all().map((t) => [t.service, t.issued])).toEqual([
      ['TailscaleEndpoints/default/web', 2n],
      [web, 1n],
    ]);
  });

  it('forget what the model has not had for 10 minutes, and take no stranger', () => {
    const { totals, wait } = setup();
    const report = [stats('tsgateway/default/web/80', { east: [1, 1, 0] })];
    totals.add(report); // before there is a model
    totals.retain(model({}));
    wait(599_999);
    totals.add(report);
    totals.retain(model({}));
    expect(totals.all().map((t) => t.issued)).toEqual([2n]);
    wait(1);
    totals.retain(model({}));
    expect(totals.size).toBe(0);
    totals.add(report);
    expect(totals.size).toBe(0);
  });

  it('law: never fall while the model has the group', () => {
    const event = fc.oneof(
      fc.record({ issued: fc.nat(5), group: fc.constantFrom('east', 'west') }),
      fc.record({ gone: fc.boolean(), wait: fc.nat(900_000) }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const { totals, wait } = setup();
        let expected = 0n;
        for (const e of events) {
          if ('issued' in e) {
            totals.add([stats('tsgateway/default/web/80', { [e.group]: [e.issued, 0, 0] })]);
            if (e.group === 'east') expected += BigInt(e.issued);
          } else {
            wait(e.wait);
            totals.retain(model({ [web]: e.gone ? ['east'] : ['east', 'west'] }));
          }
          expect(totals.get(`${web}\neast`)?.issued ?? 0n).toBe(expected);
        }
      }),
    );
  });
});
