import fc from 'fast-check';
import { routeKey, serviceKey } from '../keys.ts';
import type {
  GrpcMatch,
  Machine,
  MatchType,
  MeshGroup,
  MeshModel,
  MeshRoute,
  MeshService,
  RouteRule,
} from '../model.ts';

// Few names, so that two generated models share keys.
const name = fc.constantFrom('a', 'b', 'c');
const port = fc.integer({ min: 1, max: 65_535 });
const weight = fc.integer({ min: 0, max: 1_000 });
const ms = fc.integer({ min: 0, max: 2 ** 40 });
const generation = fc.integer({ min: 1, max: 2 ** 40 });

const machine = fc.record<Machine>(
  {
    id: fc.string(),
    host: fc.constantFrom('10.0.0.1', 'fd7a::1', 'db.example'),
    port,
    protocol: fc.constantFrom('HTTP', 'HTTPS', 'TCP', 'UDP'),
    weight,
    hostname: fc.constant('web.example'),
    probe: fc.record({
      path: fc.string(),
      intervalMs: ms,
      timeoutMs: ms,
      healthyThreshold: port,
      unhealthyThreshold: port,
    }),
  },
  { requiredKeys: ['id', 'host', 'port', 'protocol', 'weight'] },
);

const group = fc.record<MeshGroup>({
  name,
  source: fc.constantFrom('endpoints', 'external', 'vip-service'),
  weight,
  tier: fc.constantFrom(0, 1, 2),
  machines: fc.array(machine, { maxLength: 3 }),
});

export const arbitraryService = fc.record<MeshService>(
  {
    kind: fc.constantFrom('TailscaleServices', 'TailscaleEndpoints'),
    namespace: name,
    name,
    generation,
    strategy: fc.constantFrom('round-robin', 'least-connections', 'weighted', 'failover'),
    failbackDelayMs: ms,
    failoverSeed: fc.record({ activeTier: fc.constantFrom('primary', 'secondary') }),
    groups: fc.array(group, { maxLength: 3 }),
  },
  { requiredKeys: ['kind', 'namespace', 'name', 'generation', 'strategy', 'failbackDelayMs', 'groups'] },
);

const matchType = fc.constantFrom<MatchType>('Exact', 'RegularExpression');

const grpcMatch = fc.record<GrpcMatch>(
  {
    service: name,
    method: name,
    type: matchType,
    headers: fc.array(fc.record({ name, value: fc.string(), type: matchType }), { maxLength: 2 }),
  },
  { requiredKeys: ['type', 'headers'] },
);

const rule = fc.record<RouteRule>(
  {
    backendRefs: fc.array(fc.record({ group: name, kind: name, namespace: name, name, port, weight }), {
      maxLength: 3,
    }),
    name,
    index: fc.nat({ max: 15 }),
    grpcMatches: fc.array(grpcMatch, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['backendRefs'] },
);

export const arbitraryRoute = fc.record<MeshRoute>({
  kind: fc.constantFrom('HTTPRoute', 'GRPCRoute'),
  namespace: name,
  name,
  generation,
  rules: fc.array(rule, { maxLength: 3 }),
});

export const arbitraryModel = fc
  .record({
    revision: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    services: fc.array(arbitraryService, { maxLength: 6 }),
    routes: fc.array(arbitraryRoute, { maxLength: 6 }),
    checkers: fc.record({ epoch: generation, addresses: fc.array(fc.string(), { maxLength: 3 }) }),
  })
  .map((m): MeshModel => ({
    ...m,
    services: new Map(m.services.map((s) => [serviceKey(s), s])),
    routes: new Map(m.routes.map((r) => [routeKey(r), r])),
  }));
