import type { Condition } from '../condition.ts';
import type { ParentRef, StoredCondition } from '../resources.ts';
import type { GatewayClassStatus, GatewayStatus, HTTPRouteStatus, PolicyStatus } from '../status.ts';

interface StoredGatewayClass {
  readonly conditions?: readonly StoredCondition[];
}

interface StoredGateway {
  readonly conditions?: readonly StoredCondition[];
  readonly listeners?: readonly { readonly name: string; readonly conditions?: readonly StoredCondition[] }[];
}

interface StoredRoute {
  readonly parents?: readonly {
    readonly parentRef: ParentRef;
    readonly controllerName: string;
    readonly conditions?: readonly StoredCondition[];
  }[];
}

interface StoredPolicy {
  readonly ancestors?: readonly {
    readonly ancestorRef: ParentRef;
    readonly conditions?: readonly StoredCondition[];
  }[];
}

/** Wanted conditions with their times: a condition keeps the time of its last change of status. */
export const withTimes = (
  stored: readonly StoredCondition[] | undefined,
  wanted: readonly Condition[],
  now: string,
): StoredCondition[] =>
  wanted.map((c) => {
    const before = stored?.find((s) => s.type === c.type);
    return { ...c, lastTransitionTime: (before?.status === c.status ? before.lastTransitionTime : undefined) ?? now };
  });

export const mergeGatewayClass = (stored: unknown, wanted: GatewayClassStatus, now: string): object => ({
  conditions: withTimes((stored as StoredGatewayClass | undefined)?.conditions, wanted.conditions, now),
});

export function mergeGateway(stored: unknown, wanted: GatewayStatus, now: string): object {
  const before = stored as StoredGateway | undefined;
  return {
    addresses: wanted.addresses,
    conditions: withTimes(before?.conditions, wanted.conditions, now),
    listeners: wanted.listeners.map((l) => ({
      ...l,
      conditions: withTimes(before?.listeners?.find((b) => b.name === l.name)?.conditions, l.conditions, now),
    })),
  };
}

/** Entries of other controllers stay as they are. */
export function mergeRoute(stored: unknown, wanted: HTTPRouteStatus, now: string): object {
  const before = (stored as StoredRoute | undefined)?.parents ?? [];
  const own = new Set(wanted.parents.map((p) => p.controllerName));
  return {
    parents: [
      ...before.filter((p) => !own.has(p.controllerName)),
      ...wanted.parents.map((p) => {
        const same = before.find((b) => b.controllerName === p.controllerName && sameRef(b.parentRef, p.parentRef));
        return { ...p, conditions: withTimes(same?.conditions, p.conditions, now) };
      }),
    ],
  };
}

/** As Envoy Gateway does: nothing of what stood there stays. */
export function mergePolicy(stored: unknown, wanted: PolicyStatus, now: string): object {
  const before = (stored as StoredPolicy | undefined)?.ancestors ?? [];
  return {
    ancestors: wanted.ancestors.map((a) => {
      const same = before.find((b) => sameRef(b.ancestorRef, a.ancestorRef));
      return { ...a, conditions: withTimes(same?.conditions, a.conditions, now) };
    }),
  };
}

const sameRef = (a: ParentRef, b: ParentRef): boolean =>
  a.name === b.name && a.namespace === b.namespace && a.sectionName === b.sectionName && a.port === b.port;
