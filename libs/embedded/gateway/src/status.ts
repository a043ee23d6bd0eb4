import type { Attachment } from './attachment.ts';
import type { RefProblem } from './backend-refs.ts';
import type { Condition } from './condition.ts';
import { condition, REASONS } from './condition.ts';
import type { GatewayListener } from './gateway-listeners.ts';
import { supportedKinds } from './gateway-listeners.ts';
import type { Gateway, GatewayClass, HTTPRoute, ParentRef, PolicyObject } from './resources.ts';
import { CONTROLLER_NAME, GATEWAY_GROUP, keyOf } from './resources.ts';

/** The statuses as they should be, without times. */
export interface Statuses {
  readonly gatewayClasses: readonly GatewayClassStatus[];
  readonly gateways: readonly GatewayStatus[];
  readonly httpRoutes: readonly HTTPRouteStatus[];
  readonly policies: readonly PolicyStatus[];
}

export interface GatewayClassStatus {
  readonly name: string;
  readonly conditions: readonly Condition[];
}

export interface GatewayStatus {
  /** `namespace/name`. */
  readonly key: string;
  readonly addresses: readonly { readonly type: string; readonly value: string }[];
  readonly conditions: readonly Condition[];
  readonly listeners: readonly {
    readonly name: string;
    readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
    readonly attachedRoutes: number;
    readonly conditions: readonly Condition[];
  }[];
}

export interface HTTPRouteStatus {
  /** `namespace/name`. */
  readonly key: string;
  /** Of this controller only; entries of others are theirs. */
  readonly parents: readonly {
    readonly parentRef: ParentRef;
    readonly controllerName: string;
    readonly conditions: readonly Condition[];
  }[];
}

/** Gateway API's PolicyStatus: Envoy Gateway writes it whole, over whatever stood there. */
export interface PolicyStatus {
  /** `namespace/name`. */
  readonly key: string;
  readonly ancestors: readonly {
    readonly ancestorRef: { group: string; kind: string; namespace: string; name: string };
    readonly controllerName: string;
    readonly conditions: readonly Condition[];
  }[];
}

/** What the rules of a route came to, as far as its status is concerned. */
export interface RouteOutcome {
  readonly invalid: string | undefined;
  readonly unsupported: readonly string[];
  readonly problems: readonly RefProblem[];
  /** A Service has no ready endpoint. */
  readonly noEndpoints: boolean;
}

export function gatewayClassStatus(c: GatewayClass): GatewayClassStatus {
  const about = {
    reason: REASONS.Accepted.true,
    message: 'The embedded gateway serves this class.',
    generation: c.metadata.generation ?? 0,
  };
  return { name: c.metadata.name, conditions: [condition('Accepted', true, about)] };
}

export function gatewayStatus(input: {
  gateway: Gateway;
  listeners: readonly GatewayListener[];
  attachedRoutes: (l: GatewayListener) => number;
  address: string;
}): GatewayStatus {
  const { gateway, listeners, attachedRoutes, address } = input;
  const serves = listeners.some((l) => l.valid);
  return {
    key: keyOf(gateway),
    addresses: serves ? [{ type: 'IPAddress', value: address }] : [],
    conditions: gatewayConditions(gateway, listeners),
    listeners: listeners.map((l) => ({
      name: l.spec.name,
      supportedKinds: supportedKinds(l.spec),
      attachedRoutes: attachedRoutes(l),
      conditions: l.conditions,
    })),
  };
}

function gatewayConditions(gateway: Gateway, listeners: readonly GatewayListener[]): Condition[] {
  const generation = gateway.metadata.generation ?? 0;
  const serves = listeners.some((l) => l.valid);
  const all = listeners.every((l) => l.valid);
  const { Accepted, Programmed } = REASONS;
  return [
    condition('Accepted', serves, {
      reason: serves && all ? Accepted.true : Accepted.listenersNotValid,
      message: all && serves ? 'Gateway is accepted.' : 'Some listeners are not valid: see their conditions.',
      generation,
    }),
    serves
      ? condition('Programmed', true, { reason: Programmed.true, message: 'The data plane serves.', generation })
      : condition('Programmed', false, { reason: Programmed.invalid, message: 'No listener is valid.', generation }),
  ];
}

export function httpRouteStatus(
  route: HTTPRoute,
  attachments: readonly Attachment[],
  outcome: RouteOutcome,
): HTTPRouteStatus {
  const generation = route.metadata.generation ?? 0;
  return {
    key: keyOf(route),
    parents: attachments.map((a) => ({
      parentRef: a.parentRef,
      controllerName: CONTROLLER_NAME,
      conditions: [
        accepted(a, outcome, generation),
        resolved(outcome, generation),
        ...(outcome.noEndpoints ? [unavailable(generation)] : []),
      ],
    })),
  };
}

function accepted(a: Attachment, outcome: RouteOutcome, generation: number): Condition {
  const { Accepted } = REASONS;
  if (a.refusal) return condition('Accepted', false, { ...a.refusal, generation });
  if (outcome.invalid !== undefined) {
    return condition('Accepted', false, { reason: Accepted.unsupportedValue, message: outcome.invalid, generation });
  }
  if (outcome.unsupported.length > 0) {
    const message = `Filters that the embedded gateway does not have, so that their rules answer 500: ${outcome.unsupported.join(', ')}.`;
    return condition('Accepted', false, { reason: Accepted.unsupportedValue, message, generation });
  }
  return condition('Accepted', true, { reason: Accepted.true, message: 'Route is accepted.', generation });
}

function resolved(outcome: RouteOutcome, generation: number): Condition {
  const [first] = outcome.problems;
  if (!first) {
    const about = { reason: REASONS.ResolvedRefs.true, message: 'All references are resolved.', generation };
    return condition('ResolvedRefs', true, about);
  }
  const message = [...new Set(outcome.problems.map((p) => p.message))].join(' ');
  return condition('ResolvedRefs', false, { reason: first.reason, message, generation });
}

const unavailable = (generation: number): Condition =>
  condition('BackendsAvailable', false, {
    reason: REASONS.BackendsAvailable.endpointsNotFound,
    message: 'A Service has no ready endpoint.',
    generation,
  });

/** @param gateways names of the Gateways that the policy targets. */
export function policyStatus(policy: PolicyObject, gateways: readonly string[]): PolicyStatus {
  const about = {
    reason: REASONS.Accepted.true,
    message: 'Policy has been accepted.',
    generation: policy.metadata.generation ?? 0,
  };
  return {
    key: keyOf(policy),
    ancestors: gateways.map((name) => ({
      ancestorRef: { group: GATEWAY_GROUP, kind: 'Gateway', namespace: policy.metadata.namespace ?? 'default', name },
      controllerName: CONTROLLER_NAME,
      conditions: [condition('Accepted', true, about)],
    })),
  };
}

/** The same statuses while the newest snapshot is not served: Programmed is False, and why. */
export function notProgrammed(statuses: Statuses, message: string): Statuses {
  const pending = (c: Condition): Condition =>
    c.type === 'Programmed' && c.status === 'True'
      ? condition('Programmed', false, {
          reason: REASONS.Programmed.pending,
          message,
          generation: c.observedGeneration,
        })
      : c;
  return {
    ...statuses,
    gateways: statuses.gateways.map((g) => ({
      ...g,
      conditions: g.conditions.map(pending),
      listeners: g.listeners.map((l) => ({ ...l, conditions: l.conditions.map(pending) })),
    })),
  };
}
