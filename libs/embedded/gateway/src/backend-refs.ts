import { REASONS } from './condition.ts';
import type {
  CustomBackend,
  HTTPBackendRef,
  HTTPRoute,
  HTTPRouteRule,
  ReferenceGrant,
  Resources,
} from './resources.ts';
import { CUSTOM_BACKEND_KINDS, GATEWAY_GROUP, TAILSCALE_GROUP } from './resources.ts';

/** What the backendRefs of one rule come to. */
export interface ResolvedRefs {
  /** The custom backends that exist and may be referred to, in the order of the rule, each once. */
  readonly backends: readonly CustomBackend[];
  readonly validWeight: number;
  /** The share of references that do not resolve: it answers 500. */
  readonly invalidWeight: number;
  /** A reference to something other than a custom backend failed: Envoy Gateway then answers 500 for the whole rule. */
  readonly refused: boolean;
  readonly problems: readonly RefProblem[];
}

export interface RefProblem {
  readonly reason: 'BackendNotFound' | 'RefNotPermitted' | 'InvalidKind';
  readonly message: string;
}

/** Objects by what a reference names, so that one lookup costs the same however many there are. */
export interface RefIndex {
  readonly backends: ReadonlyMap<string, CustomBackend>;
  readonly grants: readonly ReferenceGrant[];
}

const refKey = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;

export function refIndex(resources: Resources): RefIndex {
  return {
    backends: new Map(
      resources.customBackends.map((b) => [refKey(b.kind, b.metadata.namespace ?? 'default', b.metadata.name), b]),
    ),
    grants: resources.referenceGrants,
  };
}

export function resolveRefs(route: HTTPRoute, rule: HTTPRouteRule, index: RefIndex): ResolvedRefs {
  const backends = new Set<CustomBackend>();
  const problems: RefProblem[] = [];
  let [validWeight, invalidWeight, refused] = [0, 0, false];
  for (const ref of rule.backendRefs ?? []) {
    const weight = ref.weight ?? 1;
    const found = resolve(route, ref, index);
    if ('backend' in found) {
      if (weight > 0) backends.add(found.backend);
      validWeight += weight;
    } else {
      problems.push(found.problem);
      invalidWeight += weight;
      refused ||= !isCustom(ref) && weight > 0;
    }
  }
  return { backends: [...backends], validWeight, invalidWeight, refused, problems };
}

const isCustom = (ref: HTTPBackendRef): boolean =>
  ref.group === TAILSCALE_GROUP && CUSTOM_BACKEND_KINDS.includes(ref.kind ?? 'Service');

function resolve(
  route: HTTPRoute,
  ref: HTTPBackendRef,
  index: RefIndex,
): { backend: CustomBackend } | { problem: RefProblem } {
  const { backendNotFound, refNotPermitted, invalidKind } = REASONS.ResolvedRefs;
  const own = route.metadata.namespace ?? 'default';
  const [group, kind, namespace] = [ref.group ?? '', ref.kind ?? 'Service', ref.namespace ?? own];
  const what = `${kind} ${namespace}/${ref.name}`;
  if (!isCustom(ref)) {
    const known = `${CUSTOM_BACKEND_KINDS.join(' and ')} of ${TAILSCALE_GROUP}`;
    return group === '' && kind === 'Service'
      ? {
          problem: {
            reason: backendNotFound,
            message: `${what}: the embedded gateway has no Services; its backends are ${known}.`,
          },
        }
      : { problem: { reason: invalidKind, message: `${what}: a backend is one of ${known}.` } };
  }
  if (namespace !== own && !granted({ own, kind, namespace, name: ref.name }, index.grants)) {
    return {
      problem: {
        reason: refNotPermitted,
        message: `${what}: no ReferenceGrant in ${namespace} allows it from ${own}.`,
      },
    };
  }
  const backend = index.backends.get(refKey(kind, namespace, ref.name));
  return backend ? { backend } : { problem: { reason: backendNotFound, message: `${what} does not exist.` } };
}

const granted = (
  to: { own: string; kind: string; namespace: string; name: string },
  grants: readonly ReferenceGrant[],
): boolean =>
  grants.some(
    (g) =>
      g.metadata.namespace === to.namespace &&
      g.spec.from.some((f) => f.group === GATEWAY_GROUP && f.kind === 'HTTPRoute' && f.namespace === to.own) &&
      g.spec.to.some(
        (t) => t.group === TAILSCALE_GROUP && t.kind === to.kind && (t.name === undefined || t.name === to.name),
      ),
  );
