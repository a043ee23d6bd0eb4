import { type BackendRef, type MeshModel, type MeshRoute, routeKey } from '@tsgateway/model';
import type { RuleClusterName } from './names.ts';
import type { StampedBackend } from './stamp.ts';

/** Envoy Gateway's view of a rule: its name for it, and which backends of ours it has. */
export interface StampedRule {
  readonly name: RuleClusterName;
  readonly backends: readonly StampedBackend[];
}

/** The backendRefs of a rule, from our own copy of the route; those of plain Services too. */
export interface Binding {
  readonly refs: readonly BackendRef[];
  /**
   * `exact`: the copy has a rule with just these backends. `partial`: it has more, which Envoy Gateway refuses or has
   * not seen; they get nothing. `remembered`: as it was when it was last known. `equal`: nothing is known.
   */
  readonly source: 'exact' | 'partial' | 'remembered' | 'equal';
}

const refKey = (b: { kind: string; namespace: string; name: string }): string => `${b.kind}/${b.namespace}/${b.name}`;

const isOurs = (ref: BackendRef): boolean => ref.group === 'gateway.tailscale.com';

/**
 * Finds the rule in our copy of its route. By its backends, never by its index alone: the index names another rule as
 * soon as one was inserted and the two copies differ. The index decides only between rules with the same backends.
 * Undefined: the copy has no such rule (yet).
 */
export function bind(rule: StampedRule, model: Pick<MeshModel, 'routes'>): Binding | undefined {
  const { routeKind: kind, namespace, name, ruleIndex } = rule.name;
  const route = model.routes.get(routeKey({ kind, namespace, name }));
  if (!route) return undefined;
  const stamped = new Set(rule.backends.map(refKey));
  const candidates = (route satisfies MeshRoute).rules.map((r, index) => {
    const ours = r.backendRefs.filter(isOurs);
    const all = new Set(ours.map(refKey));
    const weighted = new Set(ours.filter((b) => b.weight > 0).map(refKey));
    const exact = sameSet(all, stamped) || sameSet(weighted, stamped);
    return { refs: r.backendRefs, index, exact, covers: isSubset(stamped, all) };
  });
  for (const source of ['exact', 'partial'] as const) {
    const found = candidates.filter((c) => (source === 'exact' ? c.exact : c.covers));
    const [first] = found;
    if (!first) continue;
    const chosen =
      found.find((c) => c.index === ruleIndex) ?? (found.every((c) => sameShares(c, first)) ? first : undefined);
    if (chosen) return { refs: chosen.refs.filter((r) => !isOurs(r) || stamped.has(refKey(r))), source };
  }
  return undefined;
}

/** What to do without a rule in our copy: the last known shares of these backends, else equal ones. */
export function bindWithoutRoute(rule: StampedRule, remembered: readonly BackendRef[] | undefined): Binding {
  if (remembered) return { refs: remembered, source: 'remembered' };
  const refs = rule.backends.map(({ kind, namespace, name }) => ({
    ...{ group: 'gateway.tailscale.com', kind, namespace, name, port: 0, weight: 1 },
  }));
  return { refs, source: 'equal' };
}

/** Under which the shares of a rule are remembered: its route and its backends. */
export function bindingKey(rule: StampedRule): string {
  const { routeKind, namespace, name } = rule.name;
  return [`${routeKind}/${namespace}/${name}`, ...new Set(rule.backends.map(refKey))].sort().join(' ');
}

const isSubset = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].every((key) => b.has(key));
const sameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && isSubset(a, b);
const sameShares = (a: { refs: readonly BackendRef[] }, b: { refs: readonly BackendRef[] }): boolean =>
  JSON.stringify(a.refs.map(share)) === JSON.stringify(b.refs.map(share));
const share = (r: BackendRef) => [refKey(r), r.port, r.weight];
