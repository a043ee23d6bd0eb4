import { badRequest } from '../status-error.ts';

/** Whether labels fit a selector. */
export type LabelMatcher = (labels: Readonly<Record<string, string>> | undefined) => boolean;

const keyPattern = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const valuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/**
 * Parses the query form of a label selector: `a=b,c!=d,e in (x,y),f notin (z),g,!h`, `i>5`.
 *
 * @throws {StatusError} 400 where it does not parse.
 */
export function parseLabelSelector(text: string): LabelMatcher {
  const terms = splitTerms(text).map(parseTerm);
  return (labels) => terms.every((term) => term(labels ?? {}));
}

/** Splits at commas outside parentheses. */
function splitTerms(text: string): string[] {
  const terms = text.match(/(?:\([^)]*\)|[^,(])+/g) ?? [];
  return terms.map((t) => t.trim()).filter((t) => t !== '');
}

function refuse(term: string): never {
  throw badRequest(`unable to parse requirement: found '${term}', expected: a label requirement`);
}

type Term = (labels: Readonly<Record<string, string>>) => boolean;

function parseTerm(term: string): Term {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const key = checkedKey(set[1], term);
    const values = new Set((set[3] ?? '').split(',').map((v) => checkedValue(v.trim(), term)));
    return set[2] === 'in'
      ? (l) => Object.hasOwn(l, key) && values.has(l[key] ?? '')
      : (l) => !Object.hasOwn(l, key) || !values.has(l[key] ?? '');
  }
  const equality = /^([^=!<>\s]+)\s*(==|=|!=|<|>)\s*(.*)$/.exec(term);
  if (equality !== null) {
    const key = checkedKey(equality[1], term);
    const value = checkedValue((equality[3] ?? '').trim(), term);
    switch (equality[2]) {
      case '!=':
        return (l) => !Object.hasOwn(l, key) || l[key] !== value;
      case '<':
      case '>': {
        const bound = Number(value);
        if (!Number.isInteger(bound)) refuse(term);
        const more = equality[2] === '>';
        return (l) => /^-?\d+$/.test(l[key] ?? '') && (more ? Number(l[key]) > bound : Number(l[key]) < bound);
      }
      default:
        return (l) => Object.hasOwn(l, key) && l[key] === value;
    }
  }
  const absent = term.startsWith('!');
  const key = checkedKey(absent ? term.slice(1).trim() : term, term);
  return absent ? (l) => !Object.hasOwn(l, key) : (l) => Object.hasOwn(l, key);
}

function checkedKey(key: string | undefined, term: string): string {
  return key !== undefined && keyPattern.test(key) ? key : refuse(term);
}

function checkedValue(value: string, term: string): string {
  return valuePattern.test(value) ? value : refuse(term);
}
