import { GROUP } from '@tsgateway/api';
import type { BackendRef, GrpcMatch, MatchType, MeshRoute } from '../model.ts';

/** What is read of an HTTPRoute or GRPCRoute (gateway.networking.k8s.io/v1). */
export interface RouteObject {
  readonly kind?: string | undefined;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly generation?: number | undefined;
  };
  readonly spec?: { readonly rules?: readonly RouteObjectRule[] | null | undefined } | undefined;
}

export interface RouteObjectRule {
  readonly name?: string | null | undefined;
  readonly matches?: readonly RouteObjectMatch[] | null | undefined;
  readonly backendRefs?: readonly RouteObjectBackendRef[] | null | undefined;
}

/** Of a GRPCRoute; those of an HTTPRoute are not read. */
export interface RouteObjectMatch {
  readonly method?:
    | {
        readonly type?: string | null | undefined;
        readonly service?: string | null | undefined;
        readonly method?: string | null | undefined;
      }
    | string
    | null
    | undefined;
  readonly headers?:
    | readonly { readonly type?: string | null | undefined; readonly name: string; readonly value: string }[]
    | null
    | undefined;
}

export interface RouteObjectBackendRef {
  readonly group?: string | null | undefined;
  readonly kind?: string | null | undefined;
  readonly namespace?: string | null | undefined;
  readonly name: string;
  readonly port?: number | null | undefined;
  readonly weight?: number | null | undefined;
}

/**
 * The rules of a route that name a backend of our kinds, in their order, each with all its backends; undefined: there
 * are none. Defaults are Gateway API's: group core, kind Service, the route's namespace, weight 1, matches exact. A
 * backendRef without a port has port 0.
 */
export function buildRoute(route: RouteObject): MeshRoute | undefined {
  const namespace = route.metadata.namespace ?? '';
  const kind = route.kind === 'GRPCRoute' ? 'GRPCRoute' : 'HTTPRoute';
  const rules = (route.spec?.rules ?? [])
    .map((rule, index) => ({
      index,
      backendRefs: (rule.backendRefs ?? []).map((ref) => backendRef(ref, namespace)),
      ...(rule.name && { name: rule.name }),
      ...(kind === 'GRPCRoute' && rule.matches?.length && { grpcMatches: rule.matches.map(grpcMatch) }),
    }))
    .filter((rule) => rule.backendRefs.some((ref) => ref.group === GROUP));
  if (rules.length === 0) return undefined;
  return {
    kind,
    namespace,
    name: route.metadata.name,
    generation: route.metadata.generation ?? 0,
    rules,
  };
}

const backendRef = (ref: RouteObjectBackendRef, namespace: string): BackendRef => ({
  group: ref.group ?? '',
  kind: ref.kind ?? 'Service',
  namespace: ref.namespace ?? namespace,
  name: ref.name,
  port: ref.port ?? 0,
  weight: ref.weight ?? 1,
});

function grpcMatch({ method, headers }: RouteObjectMatch): GrpcMatch {
  const { type, service, method: name } = typeof method === 'object' && method !== null ? method : {};
  return {
    ...(service && { service }),
    ...(name && { method: name }),
    type: matchType(type),
    headers: (headers ?? []).map((header) => ({
      name: header.name,
      value: header.value,
      type: matchType(header.type),
    })),
  };
}

const matchType = (type: string | null | undefined): MatchType =>
  type === 'RegularExpression' ? 'RegularExpression' : 'Exact';
