import { labelKeyProblem, labelValueProblem, quote, shorten } from './label-format.ts';

export type Labels = Readonly<Record<string, string>>;

/** A label selector as users write it (Kubernetes' `metav1.LabelSelector`). */
export interface LabelSelector {
  readonly matchLabels?: Labels | undefined;
  readonly matchExpressions?: readonly LabelExpression[] | undefined;
}

export interface LabelExpression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

export type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';

/** One condition of a selector. `values` is empty for Exists and DoesNotExist. */
export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: ReadonlySet<string>;
}

/** A valid selector: labels match if they satisfy every requirement; without one, everything matches. */
export interface Selector {
  readonly requirements: readonly Requirement[];
  matches(labels: Labels): boolean;
}

export interface SelectorError {
  /** The field, e.g. `spec.selector.matchExpressions[1].values`. */
  readonly path: string;
  /** What is wrong and how to mend it. */
  readonly message: string;
}

export type Compiled =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly errors: readonly SelectorError[] };

/**
 * Reads a selector with the semantics of apimachinery's `metav1.LabelSelectorAsSelector`, and refuses what that
 * refuses. All errors are reported, in the order of the fields; `path` is where the selector stands in its object.
 *
 * `In` with the value "" matches a label that is there and empty. `NotIn` matches a missing label. An empty selector
 * matches everything. (A missing one matches nothing in Kubernetes; whether there may be none is the caller's matter.)
 */
export function compileSelector(selector: LabelSelector, path = 'spec.selector'): Compiled {
  const errors: SelectorError[] = [];
  const requirements: Requirement[] = [];
  const check = (at: string, problem: string | undefined): void => {
    if (problem !== undefined) errors.push({ path: at, message: problem });
  };

  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    const at = `${path}.matchLabels[${shorten(key)}]`;
    check(at, problem('the key ', labelKeyProblem(key)));
    check(at, problem('the value ', labelValueProblem(value)));
    requirements.push({ key, operator: 'In', values: new Set([value]) });
  }
  for (const [i, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${i}]`;
    check(`${at}.key`, labelKeyProblem(key));
    if (isOperator(operator)) requirements.push({ key, operator, values: new Set(values) });
    else check(`${at}.operator`, `${quote(operator)} is no operator: use In, NotIn, Exists or DoesNotExist`);
    check(`${at}.values`, countProblem(operator, values.length));
    for (const [j, value] of values.entries()) check(`${at}.values[${j}]`, labelValueProblem(value));
  }
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, selector: { requirements, matches: (labels) => requirements.every((r) => satisfies(labels, r)) } };
}

function satisfies(labels: Labels, { key, operator, values }: Requirement): boolean {
  // `labels.constructor` must not be found in the prototype: "constructor" is a good label key.
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.has(value);
    case 'NotIn':
      return value === undefined || !values.has(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

const isOperator = (operator: string): operator is Operator =>
  operator === 'In' || operator === 'NotIn' || operator === 'Exists' || operator === 'DoesNotExist';

function countProblem(operator: string, count: number): string | undefined {
  if (operator === 'In' && count === 0) return 'In needs at least one value: add one, or use Exists for any value';
  if (operator === 'NotIn' && count === 0)
    return 'NotIn needs at least one value: add one, or use DoesNotExist for a label that must be missing';
  if (operator === 'Exists' && count > 0) return 'Exists takes no values: remove them, or use In';
  if (operator === 'DoesNotExist' && count > 0) return 'DoesNotExist takes no values: remove them, or use NotIn';
  return undefined;
}

const problem = (subject: string, text: string | undefined): string | undefined =>
  text === undefined ? undefined : subject + text;
