/** A rule of a route under test: one path, and the services that answer it. */
export interface Rule {
  readonly path: string;
  readonly shares: readonly Share[];
}

export interface Share {
  readonly service: string;
  readonly weight: number;
}

export interface RuleSource {
  /** In [0, 1). */
  readonly random: () => number;
  /** All that rules may have. */
  readonly paths: readonly string[];
  readonly services: readonly string[];
}

export type Edit = (rules: readonly Rule[], source: RuleSource) => readonly Rule[];

/**
 * What users do to the rules of a route, and what a binding by index gets wrong. No two rules of a route ever have the
 * same path. An edit that makes no sense (no path is left, only one rule) changes nothing.
 */
export const edits = {
  insertFirst: (rules, source) => {
    const free = source.paths.filter((path) => rules.every((rule) => rule.path !== path));
    return free.length === 0 ? rules : [{ path: pick(free, source), shares: someShares(source) }, ...rules];
  },
  swap: (rules, source) => {
    if (rules.length < 2) return rules;
    const from = indexIn(rules, source);
    const to = (from + 1 + Math.floor(source.random() * (rules.length - 1))) % rules.length;
    return rules.map((rule, i) => (i === from ? (rules[to] ?? rule) : i === to ? (rules[from] ?? rule) : rule));
  },
  remove: (rules, source) => {
    if (rules.length < 2) return rules;
    const gone = indexIn(rules, source);
    return rules.filter((_, i) => i !== gone);
  },
  reweigh: (rules, source) =>
    changeOne(rules, source, ({ path, shares }) => ({
      path,
      shares: shares.map(({ service }) => ({ service, weight: someWeight(source) })),
    })),
  /** Other services for the same path. */
  rebind: (rules, source) => changeOne(rules, source, ({ path }) => ({ path, shares: someShares(source) })),
} satisfies Record<string, Edit>;

/** One of them. */
export const anyEdit: Edit = (rules, source) => pick(Object.values<Edit>(edits), source)(rules, source);

function changeOne(rules: readonly Rule[], source: RuleSource, change: (rule: Rule) => Rule): readonly Rule[] {
  const changed = indexIn(rules, source);
  return rules.map((rule, i) => (i === changed ? change(rule) : rule));
}

/** One to three services. */
function someShares(source: RuleSource): Share[] {
  const wanted = 1 + Math.floor(source.random() * 3);
  const left = [...source.services];
  const chosen = Array.from({ length: Math.min(wanted, left.length) }, () => left.splice(indexIn(left, source), 1)[0]);
  return chosen.flatMap((service) => (service === undefined ? [] : [{ service, weight: someWeight(source) }]));
}

const someWeight = ({ random }: RuleSource): number => 1 + Math.floor(random() * 9);

const indexIn = (list: readonly unknown[], { random }: RuleSource): number => Math.floor(random() * list.length);

function pick<T>(list: readonly T[], source: RuleSource): T {
  const found = list[indexIn(list, source)];
  if (found === undefined) throw new Error('there is nothing to pick from');
  return found;
}
