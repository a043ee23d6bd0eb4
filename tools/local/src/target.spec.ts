import { describe, expect, it } from '@jest/globals';
import type { MeshService } from '@tsgateway/model';
import type { Manifest } from './manifests.ts';
import { promisedShares, targetsOf } from './target.ts';

const probe = { path: '/', intervalMs: 1, timeoutMs: 1, healthyThreshold: 1, unhealthyThreshold: 1 };
const machine = (id: string) => ({ id, host: id, port: 80, protocol: 'HTTP' as const, weight: 1, probe });
const service: MeshService = {
  kind: 'TailscaleServices',
  namespace: 'default',
  name: 'web',
  generation: 1,
  strategy: 'weighted',
  failbackDelayMs: 0,
  groups: [
    { name: 'a', source: 'endpoints', weight: 70, tier: 0, machines: [machine('a/0'), machine('a/1')] },
    { name: 'b', source: 'endpoints', weight: 30, tier: 0, machines: [machine('b/0')] },
  ],
};

describe('promisedShares', () => {
  it('splits by group, then by machine', () => {
    expect(Object.fromEntries(promisedShares(service))).toEqual({ 'a/0': 0.35, 'a/1': 0.35, 'b/0': 0.3 });
  });

  it('keeps the weight of a group of which a part is down', () => {
    expect(Object.fromEntries(promisedShares(service, new Set(['a/1'])))).toEqual({ 'a/0': 0.7, 'a/1': 0, 'b/0': 0.3 });
  });
});

describe('targetsOf', () => {
  const route = (spec: object): Manifest => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'r', namespace: 'ns' },
    spec,
  });
  const ref = { group: 'gateway.tailscale.com', kind: 'TailscaleServices', name: 'web' };

  it('finds each service once, with the first way to it', () => {
    const rules = [
      { matches: [{ path: { type: 'PathPrefix', value: '/x' } }], backendRefs: [ref] },
      { backendRefs: [ref, { name: 'plain-service' }] },
    ];
    expect(targetsOf([route({ hostnames: ['*.example.com'], rules })])).toEqual([
      { namespace: 'ns', name: 'web', path: '/x', host: 'demo.example.com', route: { namespace: 'ns', name: 'r' } },
    ]);
  });

  it('skips a rule that only a regular expression reaches', () => {
    const rules = [{ matches: [{ path: { type: 'RegularExpression', value: '/a+' } }], backendRefs: [ref] }];
    expect(targetsOf([route({ rules })])).toEqual([]);
  });
});
