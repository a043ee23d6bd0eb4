import type { GatewayListener } from './gateway-listeners.ts';
import { intersectHostnames } from './hostname.ts';
import { REASONS } from './condition.ts';
import type { HTTPRoute, KubeObject, LabelSelector, ParentRef } from './resources.ts';
import { GATEWAY_GROUP } from './resources.ts';

/** Where a route is served for one of its parentRefs. */
export interface Attachment {
  readonly parentRef: ParentRef;
  /** With the hostnames under which it is served there. Empty: refused, and `refusal` says why. */
  readonly listeners: readonly { readonly listener: GatewayListener; readonly hostnames: readonly string[] }[];
  readonly refusal?: { readonly reason: Refusal; readonly message: string } | undefined;
}

export type Refusal = 'NoMatchingParent' | 'NotAllowedByListeners' | 'NoMatchingListenerHostname';

export interface AttachInput {
  readonly route: HTTPRoute;
  readonly listeners: readonly GatewayListener[];
  /** Labels by namespace, for selectors. */
  readonly namespaces: ReadonlyMap<string, KubeObject>;
  /** `namespace/name` of the own Gateways, those without listeners included. */
  readonly gateways: ReadonlySet<string>;
}

/** One entry per parentRef that names a Gateway of ours; other parents are other controllers' business. */
export function attachments(input: AttachInput): Attachment[] {
  const own = input.route.metadata.namespace ?? 'default';
  return (input.route.spec.parentRefs ?? [])
    .filter((p) => (p.group ?? GATEWAY_GROUP) === GATEWAY_GROUP && (p.kind ?? 'Gateway') === 'Gateway')
    .filter((p) => input.gateways.has(`${p.namespace ?? own}/${p.name}`))
    .map((p) => attach(p, input));
}

function attach(parentRef: ParentRef, { route, listeners, namespaces }: AttachInput): Attachment {
  const own = route.metadata.namespace ?? 'default';
  const { noMatchingParent, notAllowedByListeners, noMatchingListenerHostname } = REASONS.Accepted;
  const refuse = (reason: Refusal, message: string): Attachment => ({
    parentRef,
    listeners: [],
    refusal: { reason, message },
  });

  const named = listeners.filter(
    (l) =>
      l.namespace === (parentRef.namespace ?? own) &&
      l.gateway.metadata.name === parentRef.name &&
      (parentRef.sectionName === undefined || l.spec.name === parentRef.sectionName) &&
      (parentRef.port === undefined || l.spec.port === parentRef.port),
  );
  if (named.length === 0) return refuse(noMatchingParent, 'No listener of the Gateway has this sectionName and port.');

  const allowing = named.filter((l) => l.supportsRoutes && allowsNamespace(l, own, namespaces));
  if (allowing.length === 0) {
    return refuse(notAllowedByListeners, 'No listener allows HTTPRoutes from this namespace (allowedRoutes).');
  }

  const matching = allowing
    .map((listener) => ({ listener, hostnames: intersectHostnames(listener.spec.hostname, route.spec.hostnames) }))
    .filter((l) => l.hostnames.length > 0);
  if (matching.length === 0) {
    return refuse(noMatchingListenerHostname, "None of the route's hostnames is one of a listener.");
  }
  return { parentRef, listeners: matching };
}

function allowsNamespace(l: GatewayListener, namespace: string, known: ReadonlyMap<string, KubeObject>): boolean {
  const from = l.spec.allowedRoutes?.namespaces?.from ?? 'Same';
  if (from === 'All') return true;
  if (from === 'Same') return namespace === l.namespace;
  if (from !== 'Selector') return false;
  const labels = { 'kubernetes.io/metadata.name': namespace, ...known.get(namespace)?.metadata.labels };
  return selects(l.spec.allowedRoutes?.namespaces?.selector ?? {}, labels);
}

/** Kubernetes' label selector; an operator that is not known selects nothing. */
function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([k, v]) => labels[k] === v);
  return (
    equal &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'In') return value !== undefined && values.includes(value);
      if (operator === 'NotIn') return value === undefined || !values.includes(value);
      if (operator === 'Exists') return value !== undefined;
      return operator === 'DoesNotExist' && value === undefined;
    })
  );
}
