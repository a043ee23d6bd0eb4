import { REASONS } from './condition.ts';
import type {
  CustomBackend,
  EndpointSlice,
  HTTPBackendRef,
  HTTPRoute,
  HTTPRouteRule,
  ReferenceGrant,
  Resources,
  Service,
} from './resources.ts';
import { CUSTOM_BACKEND_KINDS, GATEWAY_GROUP, TAILSCALE_GROUP } from './resources.ts';

/** What the backendRefs of one rule come to. */
export interface ResolvedRefs {
  /** The references that have a weight, in the order of the rule. */
  readonly settings: readonly BackendSetting[];
  readonly problems: readonly RefProblem[];
}

/** What one backendRef comes to: Envoy Gateway's destination setting. */
export interface BackendSetting {
  /** Its place among the rule's backendRefs. */
  readonly index: number;
  readonly weight: number;
  readonly target:
    | { readonly kind: 'custom'; readonly backend: CustomBackend }
    /** The ready endpoints of a Service; there may be none. */
    | { readonly kind: 'service'; readonly endpoints: readonly ServiceEndpoint[] }
    | { readonly kind: 'invalid' };
}

export interface ServiceEndpoint {
  readonly address: string;
  readonly port: number;
}

export interface RefProblem {
  readonly reason: 'BackendNotFound' | 'RefNotPermitted' | 'InvalidKind';
  readonly message: string;
}

/** The weights of a rule by what becomes of them. */
export interface BackendWeights {
  readonly valid: number;
  /** Answered with 500. */
  readonly invalid: number;
  /** Services without a ready endpoint, answered with 503. */
  readonly noEndpoints: number;
}

/** Objects by what a reference names, so that one lookup costs the same however many there are. */
export interface RefIndex {
  readonly backends: ReadonlyMap<string, CustomBackend>;
  /** By `namespace/name`. */
  readonly services: ReadonlyMap<string, Service>;
  /** By `namespace/name` of their Service. */
  readonly slices: ReadonlyMap<string, readonly EndpointSlice[]>;
  readonly grants: readonly ReferenceGrant[];
}

const refKey = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;

export function refIndex(resources: Resources): RefIndex {
  const namespaceOf = (o: { metadata: { namespace?: string | undefined } }): string =>
    o.metadata.namespace ?? 'default';
  return {
    backends: new Map(resources.customBackends.map((b) => [refKey(b.kind, namespaceOf(b), b.metadata.name), b])),
    services: new Map(resources.services.map((s) => [`${namespaceOf(s)}/${s.metadata.name}`, s])),
    slices: Map.groupBy(
      resources.endpointSlices,
      (s) => `${namespaceOf(s)}/${s.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
    ),
    grants: resources.referenceGrants,
  };
}

export function resolveRefs(route: HTTPRoute, rule: HTTPRouteRule, index: RefIndex): ResolvedRefs {
  const settings: BackendSetting[] = [];
  const problems: RefProblem[] = [];
  for (const [i, ref] of (rule.backendRefs ?? []).entries()) {
    const weight = ref.weight ?? 1;
    const found = resolve(route, ref, index);
    if ('problem' in found) problems.push(found.problem);
    if (weight === 0) continue;
    settings.push({ index: i, weight, target: 'problem' in found ? { kind: 'invalid' } : found });
  }
  return { settings, problems };
}

/** Custom backends count as valid whatever they have: their endpoints are the extension server's. */
export function weightsOf(settings: readonly BackendSetting[]): BackendWeights {
  const weights = { valid: 0, invalid: 0, noEndpoints: 0 };
  for (const { weight, target } of settings) {
    if (target.kind === 'invalid') weights.invalid += weight;
    else if (target.kind === 'service' && target.endpoints.length === 0) weights.noEndpoints += weight;
    else weights.valid += weight;
  }
  return weights;
}

const isCustom = (ref: HTTPBackendRef): boolean =>
  ref.group === TAILSCALE_GROUP && CUSTOM_BACKEND_KINDS.includes(ref.kind ?? 'Service');

function resolve(
  route: HTTPRoute,
  ref: HTTPBackendRef,
  index: RefIndex,
): Exclude<BackendSetting['target'], { kind: 'invalid' }> | { problem: RefProblem } {
  const { backendNotFound, refNotPermitted, invalidKind } = REASONS.ResolvedRefs;
  const own = route.metadata.namespace ?? 'default';
  const [group, kind, namespace] = [ref.group ?? '', ref.kind ?? 'Service', ref.namespace ?? own];
  const what = `${kind} ${namespace}/${ref.name}`;
  const problem = (reason: RefProblem['reason'], message: string) => ({
    problem: { reason, message: `${what}: ${message}` },
  });
  if (!isCustom(ref) && !(group === '' && kind === 'Service')) {
    const known = `Service, or ${CUSTOM_BACKEND_KINDS.join(' and ')} of ${TAILSCALE_GROUP}`;
    return problem(invalidKind, `a backend is a ${known}.`);
  }
  if (namespace !== own && !granted({ own, group, kind, namespace, name: ref.name }, index.grants)) {
    return problem(refNotPermitted, `no ReferenceGrant in ${namespace} allows it from ${own}.`);
  }
  if (isCustom(ref)) {
    const backend = index.backends.get(refKey(kind, namespace, ref.name));
    return backend ? { kind: 'custom', backend } : problem(backendNotFound, 'it does not exist.');
  }
  const service = index.services.get(`${namespace}/${ref.name}`);
  if (!service) return problem(backendNotFound, 'it does not exist.');
  const port = service.spec.ports?.find((p) => p.port === ref.port);
  if (!port) return problem(backendNotFound, `it has no port ${ref.port ?? '(backendRefs.port is not set)'}.`);
  return { kind: 'service', endpoints: readyEndpoints(index.slices.get(`${namespace}/${ref.name}`), port.name ?? '') };
}

function readyEndpoints(slices: readonly EndpointSlice[] = [], portName: string): ServiceEndpoint[] {
  return slices.flatMap((slice) => {
    const port = slice.ports?.find((p) => (p.name ?? '') === portName)?.port;
    if (port === undefined) return [];
    return (slice.endpoints ?? [])
      .filter((e) => e.conditions?.ready !== false)
      .flatMap((e) => e.addresses.map((address) => ({ address, port })));
  });
}

const granted = (
  to: { own: string; group: string; kind: string; namespace: string; name: string },
  grants: readonly ReferenceGrant[],
): boolean =>
  grants.some(
    (g) =>
      g.metadata.namespace === to.namespace &&
      g.spec.from.some((f) => f.group === GATEWAY_GROUP && f.kind === 'HTTPRoute' && f.namespace === to.own) &&
      g.spec.to.some((t) => t.group === to.group && t.kind === to.kind && (t.name === undefined || t.name === to.name)),
  );
