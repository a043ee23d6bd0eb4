import { type BackendRef, type MeshModel, type MeshRoute, routeKey } from '@tsgateway/model';
import { matchesAll, matchOfRule } from './grpc-match.ts';
import type { RuleClusterName } from './names.ts';
import type { StampedBackend } from './stamp.ts';

/** What a translation says about which rule it is, or which backends it has. */
export type Clue =
  /** The custom backends that Envoy Gateway accepted: just those. */
  | { readonly from: 'stamp'; readonly backends: readonly StampedBackend[] }
  /** `<namespace>/<name>` of each backendRef, of any kind; "" for one without weight. */
  | { readonly from: 'stat-name'; readonly refs: readonly string[] }
  | { readonly from: 'rule-name'; readonly ruleName: string }
  /** Of a GRPCRoute's rule without a name, as `matchOfRule` writes them. */
  | { readonly from: 'matches'; readonly matches: ReadonlySet<string> };

/** Envoy Gateway's view of a rule. */
export interface RuleView {
  readonly name: RuleClusterName;
  readonly clue: Clue;
  /** Among the route's rules with the same clue, in their order, it is this one (from 0) of so many. */
  readonly nth: number;
  readonly of: number;
  /** The rule's name, where it has one. Asked for only where it decides. */
  readonly ruleName: () => string | undefined;
}

/** The backendRefs of a rule, from our own copy of the route; those of plain Services too. */
export interface Binding {
  /** In the rule's order; those that Envoy Gateway refused have no weight. */
  readonly refs: readonly BackendRef[];
  /**
   * `exact`: the copy has this rule. `partial`: it has more backends, which Envoy Gateway refuses or has not seen; they
   * get nothing. `remembered`: as it was when it was last known. `equal`: nothing is known.
   */
  readonly source: 'exact' | 'partial' | 'remembered' | 'equal';
}

type RouteRule = MeshRoute['rules'][number];

const refKey = (b: { kind: string; namespace: string; name: string }): string => `${b.kind}/${b.namespace}/${b.name}`;

export const isOurs = (ref: BackendRef): boolean => ref.group === 'gateway.tailscale.com';

/** Our copies of routes. */
export interface RouteCopies extends Pick<MeshModel, 'routes'> {
  /** What a route was before, the newest first, also one that is gone. */
  readonly former?: ((routeKey: string) => readonly MeshRoute[]) | undefined;
}

/** Our copy of a rule's route. */
export const copyOf = (name: RuleClusterName, { routes }: RouteCopies) => routes.get(keyOf(name));

const keyOf = ({ routeKind: kind, namespace, name }: RuleClusterName) => routeKey({ kind, namespace, name });

/**
 * Finds the rule in our copy of its route. Never by its index: that names another rule as soon as one was inserted and
 * the two copies differ. Undefined: the copy has no such rule (yet), or several and nothing tells which.
 *
 * It is looked for in former copies, too, as we may well know of an edit before Envoy Gateway does. Only by its backends:
 * then it leads to these, whichever copy it is from.
 */
export function bind(rule: RuleView, copies: RouteCopies): Binding | undefined {
  const found = bindIn(copyOf(rule.name, copies), rule);
  if (found || (rule.clue.from !== 'stamp' && rule.clue.from !== 'stat-name')) return found;
  for (const copy of copies.former?.(keyOf(rule.name)) ?? []) {
    const former = bindIn(copy, rule);
    if (former?.source === 'exact') return former;
  }
  return undefined;
}

function bindIn(copy: MeshRoute | undefined, rule: RuleView): Binding | undefined {
  const { clue } = rule;
  if (!copy) return undefined;
  if (clue.from === 'stamp') return bindStamp(rule, clue.backends, copy.rules);
  const found = choose(
    copy.rules.filter((r) => fits(r, clue)),
    rule,
  );
  return found && { refs: found.backendRefs, source: 'exact' };
}

function bindStamp(rule: RuleView, backends: readonly StampedBackend[], rules: readonly RouteRule[]) {
  const stamped = new Set(backends.map(refKey));
  const candidates = rules.map((r) => {
    const ours = r.backendRefs.filter(isOurs);
    const all = new Set(ours.map(refKey));
    const weighted = new Set(ours.filter((b) => b.weight > 0).map(refKey));
    return {
      rule: r,
      weighted: sameSet(weighted, stamped),
      all: sameSet(all, stamped),
      // What is in a stamp has a weight, so a rule that gives it none is another one.
      covers: isSubset(stamped, all) && [...stamped].some((key) => weighted.has(key)),
    };
  });
  const fitting = (match: 'weighted' | 'all' | 'covers') => candidates.filter((c) => c[match]).map((c) => c.rule);
  // A backend without weight is in no stamp, so a rule that has one differs only in its weights from another without. Of a
  // rule that lost its weight since, it still is: then as many rules have these backends, with whatever weight.
  const asMany = (['weighted', 'all'] as const).filter((match) => fitting(match).length === rule.of);
  for (const match of [...asMany, 'weighted', 'all', 'covers'] as const) {
    const found = choose(fitting(match), rule);
    if (!found) continue;
    const refs = found.backendRefs.map((r) => (!isOurs(r) || stamped.has(refKey(r)) ? r : { ...r, weight: 0 }));
    return { refs, source: match === 'covers' ? ('partial' as const) : ('exact' as const) };
  }
  return undefined;
}

function fits(rule: RouteRule, clue: Exclude<Clue, { from: 'stamp' }>): boolean {
  switch (clue.from) {
    case 'stat-name':
      return (
        rule.backendRefs.length === clue.refs.length &&
        rule.backendRefs.every((r, i) => clue.refs[i] === (r.weight === 0 ? '' : `${r.namespace}/${r.name}`))
      );
    case 'rule-name':
      return rule.name === clue.ruleName;
    case 'matches':
      return (
        rule.name === undefined &&
        sameSet(new Set(rule.grpcMatches?.length ? rule.grpcMatches.map(matchOfRule) : [matchesAll]), clue.matches)
      );
  }
}

/**
 * Which of those that fit it is: by the rule's name, by its place among as many, any where all have the same shares, or
 * by its place in the route where some of ours have no cluster (a redirect's).
 */
function choose(candidates: readonly RouteRule[], rule: RuleView): RouteRule | undefined {
  const [first, ...others] = candidates;
  if (first === undefined || (others.length === 0 && rule.of === 1)) return first;
  const name = rule.ruleName();
  const named = name === undefined ? undefined : candidates.find((c) => c.name === name);
  if (named) return named;
  if (candidates.length === rule.of) return candidates[rule.nth];
  // More rules than in our copy, of which only a stamp says that all of them have these backends.
  if (candidates.length < rule.of && rule.clue.from !== 'stamp') return undefined;
  if (others.every((c) => sameShares(c, first))) return first;
  return candidates.length > rule.of ? candidates.find((c) => c.index === rule.name.ruleIndex) : undefined;
}

/**
 * What to do without a rule in our copy: the last known shares of these backends, else equal ones. A port only names a
 * cluster, so any that is in use is as right as the rule's own: the proxies have that cluster, with its endpoints.
 */
export function bindWithoutRoute(
  backends: readonly StampedBackend[],
  { remembered, portOf }: { remembered: readonly BackendRef[] | undefined; portOf: PortOf },
): Binding {
  if (remembered) return { refs: remembered, source: 'remembered' };
  const refs = backends.map(({ kind, namespace, name }) => ({
    ...{ group: 'gateway.tailscale.com', kind, namespace, name },
    ...{ port: portOf({ kind, namespace, name }), weight: 1 },
  }));
  return { refs, source: 'equal' };
}

export type PortOf = (backend: Pick<BackendRef, 'kind' | 'namespace' | 'name'>) => number;

/** The lowest port by which a route names a backend of ours; 0: none does. Routes are read once, and only when asked. */
export function portsInUse({ routes }: Pick<MeshModel, 'routes'>): PortOf {
  let ports: Map<string, number> | undefined;
  const read = () => {
    const found = new Map<string, number>();
    const refs = [...routes.values()].flatMap((route) => route.rules.flatMap((rule) => rule.backendRefs));
    for (const ref of refs.filter(isOurs)) {
      found.set(refKey(ref), Math.min(ref.port, found.get(refKey(ref)) ?? Infinity));
    }
    return found;
  };
  return (backend) => (ports ??= read()).get(refKey(backend)) ?? 0;
}

/** Under which the shares of a rule are remembered: its route, its clue, and which of the rules with it it is. */
export function bindingKey(rule: RuleView): string {
  return rule.of === 1 ? clueKey(rule) : `${clueKey(rule)} ${rule.nth}/${rule.of}`;
}

/** The same for rules of a route that have the same clue. */
export function clueKey({ name: { routeKind, namespace, name }, clue }: Pick<RuleView, 'name' | 'clue'>): string {
  return [`${routeKind}/${namespace}/${name}`, ...partsOf(clue)].join(' ');
}

function partsOf(clue: Clue): string[] {
  switch (clue.from) {
    case 'stamp':
      return [...new Set(clue.backends.map(refKey))].sort();
    case 'stat-name':
      return [clue.refs.join('|')];
    case 'rule-name':
      return [clue.ruleName];
    case 'matches':
      return [...clue.matches].sort();
  }
}

const isSubset = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].every((key) => b.has(key));
const sameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && isSubset(a, b);
const sameShares = (a: RouteRule, b: RouteRule): boolean =>
  JSON.stringify(a.backendRefs.map(share)) === JSON.stringify(b.backendRefs.map(share));
const share = (r: BackendRef) => [refKey(r), r.port, r.weight];
