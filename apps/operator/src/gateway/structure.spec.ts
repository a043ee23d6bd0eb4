import { describe, expect, it } from '@jest/globals';
import type { MeshRoute, MeshService } from '@tsgateway/model';
import { structureOf } from './structure.ts';

const ref = { group: 'gateway.tailscale.com', kind: 'TailscaleServices', namespace: 'shop', name: 'web' };
const route = (more: Partial<MeshRoute> = {}): MeshRoute => ({
  ...{ kind: 'HTTPRoute', namespace: 'shop', name: 'web', generation: 1 },
  rules: [{ backendRefs: [{ ...ref, port: 80, weight: 1 }] }],
  ...more,
});
const machine = { id: 'g/m', host: '10.0.0.1', port: 80, protocol: 'HTTP', weight: 1 } as const;
const service = (
  more: Partial<MeshService> = {},
  machines: MeshService['groups'][0]['machines'] = [machine],
): MeshService => ({
  ...{ kind: 'TailscaleServices', namespace: 'shop', name: 'web', generation: 1 },
  ...{ strategy: 'failover', failbackDelayMs: 0 },
  groups: [{ name: 'g', source: 'endpoints', weight: 1, tier: 0, machines }],
  ...more,
});
const hash = (of: MeshService | undefined, routes: readonly MeshRoute[] = [route()]): string =>
  structureOf(routes, (key) => (key === 'TailscaleServices/shop/web' ? of : undefined));
/** The same object, its fields in another order. */
const reversed = <T extends object>(object: T): T => Object.fromEntries(Object.entries(object).reverse()) as T;
const before = hash(service());

describe('the structure of a Gateway', () => {
  it.each<[string, string]>([
    ['what status says of the tier', hash(service({ failoverSeed: { activeTier: 'secondary' } }))],
    ['another address', hash(service({}, [{ ...machine, host: '10.0.0.9' }]))],
    ['another machine alike', hash(service({}, [machine, { ...machine, id: 'g/n' }]))],
    ['a generation of the route alone', hash(service(), [route({ generation: 9 })])],
    ['fields in another order', hash({ ...service(), generation: 1 }, [reversed(route())])],
  ])('is the same with %s', (_what, after) => {
    expect(after).toBe(before);
  });

  it('does not depend on the order of routes', () => {
    const [a, b] = [route({ name: 'a' }), route({ name: 'b' })];
    expect(hash(service(), [a, b])).toBe(hash(service(), [b, a]));
  });

  it.each<[string, string]>([
    ['no such service', hash(undefined)],
    ['another generation of the service', hash(service({ generation: 2 }))],
    ['another strategy', hash(service({ strategy: 'weighted' }))],
    ['a machine that wants TLS', hash(service({}, [machine, { ...machine, id: 'g/n', protocol: 'HTTPS' }]))],
    ['a machine with a name', hash(service({}, [{ ...machine, hostname: 'web' }]))],
    ['another weight', hash(service(), [route({ rules: [{ backendRefs: [{ ...ref, port: 80, weight: 2 }] }] })])],
    ['another port', hash(service(), [route({ rules: [{ backendRefs: [{ ...ref, port: 81, weight: 1 }] }] })])],
    ['another name of a rule', hash(service(), [route({ rules: [{ ...route().rules[0]!, name: 'n' }] })])],
    ['a rule more', hash(service(), [route({ rules: [...route().rules, ...route().rules] })])],
    ['a route less', hash(service(), [])],
  ])('is another with %s', (_what, after) => {
    expect(after).not.toBe(before);
  });
});
