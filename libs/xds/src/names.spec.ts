import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRuleClusterName, parseServiceClusterName, serviceClusterName } from './names.ts';

const dns = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?$/);

describe('names of our clusters', () => {
  it('can be read back', () => {
    const name = fc.record(
      {
        kind: fc.constantFrom('TailscaleServices' as const, 'TailscaleEndpoints' as const),
        namespace: dns,
        name: dns,
        port: fc.integer({ min: 0, max: 65_535 }),
        variant: fc.stringMatching(/^[0-9a-f]{8}$/),
      },
      { requiredKeys: ['kind', 'namespace', 'name', 'port'] },
    );
    fc.assert(fc.property(name, (n) => expect(parseServiceClusterName(serviceClusterName(n))).toEqual(n)));
  });

  it('tell the two kinds apart', () => {
    const common = { namespace: 'ns', name: 'web', port: 80 };
    expect(serviceClusterName({ kind: 'TailscaleServices', ...common })).toBe('tsgateway/ns/web/80');
    expect(serviceClusterName({ kind: 'TailscaleEndpoints', ...common })).toBe('tsgateway/ns/web/80/endpoints');
  });

  it.each(['', 'tsgateway/ns/web', 'tsgateway/ns/web/65536', 'tsgateway/ns/web/80/other', 'httproute/a/b/rule/0'])(
    'are not %j',
    (text) => expect(parseServiceClusterName(text)).toBeUndefined(),
  );
});

describe('names of Envoy Gateway', () => {
  it('say the route and the rule', () => {
    expect(parseRuleClusterName('httproute/ns/web.example/rule/12')).toEqual({
      rule: 'httproute/ns/web.example/rule/12',
      routeKind: 'HTTPRoute',
      namespace: 'ns',
      name: 'web.example',
      ruleIndex: 12,
    });
    expect(parseRuleClusterName('grpcroute/ns/web/rule/0/backend/3')).toMatchObject({
      rule: 'grpcroute/ns/web/rule/0',
      routeKind: 'GRPCRoute',
      backendIndex: 3,
    });
  });

  it.each(['tcproute/ns/a/rule/-1', 'httproute/ns/a/rule/0/match/0', 'httproute/ns/a/rule/x', 'xds_cluster'])(
    'are not %j',
    (text) => expect(parseRuleClusterName(text)).toBeUndefined(),
  );
});
