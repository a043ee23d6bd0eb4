import { describe, expect, it } from '@jest/globals';
import { TargetHealth } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { Route, RouteRule, Service } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import fc from 'fast-check';
import {
  DecodeError,
  decodeHealth,
  decodeRoute,
  decodeService,
  encodeHealth,
  encodeRoute,
  encodeService,
} from './codec.ts';
import type { MeshService } from './model.ts';
import { arbitraryRoute, arbitraryService } from './testing/arbitrary.ts';

describe('the codec of the mesh model', () => {
  it('gives back every service, through the wire', () => {
    fc.assert(
      fc.property(arbitraryService, (service) => {
        const bytes = Service.encode(encodeService(service)).finish();
        expect(decodeService(Service.decode(bytes))).toEqual(service);
      }),
    );
  });

  it('gives back every route, through the wire', () => {
    fc.assert(
      fc.property(arbitraryRoute, (route) => {
        const bytes = Route.encode(encodeRoute(route)).finish();
        expect(decodeRoute(Route.decode(bytes))).toEqual(route);
      }),
    );
  });

  it('gives back health, through the wire', () => {
    const health = {
      healthy: false,
      observedSinceMs: 1_700_000_000_000,
      transitions: [{ atMs: 1_700_000_000_500, healthy: false }],
    };
    const message = TargetHealth.decode(TargetHealth.encode(encodeHealth('http://a:1', health)).finish());
    expect(message.target).toBe('http://a:1');
    expect(decodeHealth(message)).toEqual(health);
  });
});

describe('a message of a newer sender', () => {
  const service: MeshService = {
    kind: 'TailscaleServices',
    namespace: 'ns',
    name: 'web',
    generation: 1,
    strategy: 'failover',
    failbackDelayMs: 0,
    failoverSeed: { activeTier: 'secondary' },
    groups: [
      {
        name: 'g',
        source: 'endpoints',
        weight: 1,
        tier: 0,
        machines: [{ id: 'g/m', host: '10.0.0.1', port: 80, protocol: 'HTTP', weight: 1 }],
      },
    ],
  };

  it('falls back where an unknown word cannot do harm', () => {
    const message = encodeService(service);
    message.strategy = 'latency';
    message.failoverSeed = { activeTier: 'tertiary' };
    message.groups[0]!.tier = 9;
    message.groups[0]!.source = 'mdns';
    const decoded = decodeService(message);
    expect(decoded.strategy).toBe('round-robin');
    expect(decoded.failoverSeed).toBeUndefined();
    expect(decoded.groups[0]).toMatchObject({ tier: 2, source: 'external' });
  });

  it('is refused, with the field and the value, where the word decides what is dialed', () => {
    const message = encodeService(service);
    message.groups[0]!.machines[0]!.protocol = 'QUIC';
    expect(() => decodeService(message)).toThrow(DecodeError);
    expect(() => decodeService(message)).toThrow(
      'service TailscaleServices/ns/web: group g: machine g/m: protocol is "QUIC"; it must be one of HTTP, HTTPS, TCP, UDP',
    );
    expect(() =>
      decodeRoute({ ...encodeRoute({ ...service, kind: 'HTTPRoute', rules: [] }), kind: 'TLSRoute' }),
    ).toThrow(/kind is "TLSRoute"/);
  });

  it('is refused where a match would mean other requests', () => {
    const message = encodeRoute({ ...service, kind: 'GRPCRoute', rules: [{ backendRefs: [] }] });
    message.rules[0]!.grpcMatches = [{ service: 'shop.Greeter', method: '', type: 'Prefix', headers: [] }];
    expect(() => decodeRoute(message)).toThrow(
      'route GRPCRoute/ns/web: rule 0: match 0: type is "Prefix"; it must be one of Exact, RegularExpression',
    );
  });
});

it('reads a route of an older sender, which tells neither names nor matches', () => {
  const message = encodeRoute({
    kind: 'GRPCRoute',
    ...{ namespace: 'ns', name: 'web', generation: 1 },
    rules: [{ backendRefs: [], name: 'n', grpcMatches: [{ type: 'Exact', headers: [] }] }],
  });
  message.rules = [RouteRule.fromPartial({ backendRefs: [] })];
  expect(decodeRoute(message).rules).toEqual([{ backendRefs: [] }]);
});
