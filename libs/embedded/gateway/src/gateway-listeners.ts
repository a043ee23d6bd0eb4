import type { Condition } from './condition.ts';
import { condition, REASONS } from './condition.ts';
import { hostPort, listenerName } from './names.ts';
import type { Gateway, GatewayClass, ListenerSpec, Resources } from './resources.ts';
import { byAge, CONTROLLER_NAME, GATEWAY_GROUP } from './resources.ts';

/** One listener of an accepted Gateway. */
export interface GatewayListener {
  readonly gateway: Gateway;
  readonly namespace: string;
  readonly spec: ListenerSpec;
  /** `<ns>/<gateway>/<listener>`. */
  readonly name: string;
  /** The port on this host. */
  readonly port: number;
  readonly conditions: readonly Condition[];
  /** Serves; a listener that does not still takes up routes, which are then served nowhere. */
  readonly valid: boolean;
  readonly supportsRoutes: boolean;
}

/** The classes that this gateway answers for. */
export const ownClasses = (resources: Resources): GatewayClass[] =>
  resources.gatewayClasses.filter((c) => c.spec.controllerName === CONTROLLER_NAME).sort(byAge);

/** The Gateways of these classes, oldest first. */
export function ownGateways(resources: Resources): Gateway[] {
  const classes = new Set(ownClasses(resources).map((c) => c.metadata.name));
  return resources.gateways.filter((g) => classes.has(g.spec.gatewayClassName)).sort(byAge);
}

/**
 * The listeners of all own Gateways, in the order in which they claim a port and a hostname. `gatewayPort` is the host port of the
 * first HTTP listener.
 */
export function gatewayListeners(resources: Resources, gatewayPort: number | undefined): GatewayListener[] {
  const claimed = new Set<string>();
  let override = gatewayPort;
  const out: GatewayListener[] = [];
  for (const gateway of ownGateways(resources)) {
    const namespace = gateway.metadata.namespace ?? 'default';
    for (const spec of gateway.spec.listeners ?? []) {
      const http = spec.protocol === 'HTTP';
      const port = (http ? override : undefined) ?? hostPort(spec.port);
      if (http) override = undefined;
      const claim = `${port} ${spec.hostname?.toLowerCase() ?? ''}`;
      const conflict = http && claimed.has(claim);
      if (http) claimed.add(claim);
      const supportsRoutes = supportedKinds(spec).length > 0;
      out.push({
        gateway,
        namespace,
        spec,
        name: listenerName({ namespace, name: gateway.metadata.name }, spec.name),
        port,
        supportsRoutes,
        valid: http && !conflict,
        conditions: listenerConditions({ gateway, spec, conflict, supportsRoutes }),
      });
    }
  }
  return out;
}

/** What of the kinds that a listener allows this gateway has. */
export function supportedKinds(spec: ListenerSpec): { group: string; kind: string }[] {
  const own = { group: GATEWAY_GROUP, kind: 'HTTPRoute' };
  const kinds = spec.allowedRoutes?.kinds;
  if (spec.protocol !== 'HTTP') return [];
  if (!kinds || kinds.length === 0) return [own];
  return kinds.some((k) => (k.group ?? GATEWAY_GROUP) === own.group && k.kind === own.kind) ? [own] : [];
}

function listenerConditions(l: {
  gateway: Gateway;
  spec: ListenerSpec;
  conflict: boolean;
  supportsRoutes: boolean;
}): Condition[] {
  const generation = l.gateway.metadata.generation ?? 0;
  const { Accepted, Programmed, ResolvedRefs, Conflicted } = REASONS;
  if (l.spec.protocol !== 'HTTP') {
    const message = `Protocol ${l.spec.protocol} is not supported here: the embedded gateway serves HTTP listeners only.`;
    return [
      condition('Accepted', false, { reason: Accepted.unsupportedProtocol, message, generation }),
      condition('Programmed', false, { reason: Programmed.invalid, message, generation }),
      condition('ResolvedRefs', true, { reason: ResolvedRefs.true, message: 'Nothing to resolve.', generation }),
    ];
  }
  const conflictMessage = 'An older listener has the same port and hostname.';
  return [
    condition('Accepted', true, { reason: Accepted.true, message: 'Listener is accepted.', generation }),
    l.conflict
      ? condition('Programmed', false, { reason: Programmed.invalid, message: conflictMessage, generation })
      : condition('Programmed', true, { reason: Programmed.true, message: 'Listener serves.', generation }),
    l.supportsRoutes
      ? condition('ResolvedRefs', true, { reason: ResolvedRefs.true, message: 'Listener is resolved.', generation })
      : condition('ResolvedRefs', false, {
          reason: ResolvedRefs.invalidRouteKinds,
          message: 'allowedRoutes.kinds has none of the supported kinds: HTTPRoute.',
          generation,
        }),
    l.conflict
      ? condition('Conflicted', true, { reason: Conflicted.hostname, message: conflictMessage, generation })
      : condition('Conflicted', false, { reason: Conflicted.none, message: 'No conflicts.', generation }),
  ];
}
