import type { HeaderMatcher, QueryParameterMatcher } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { RouteMatch } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { RE2JS } from 're2js';
import type { HTTPRouteMatch, NamedMatch } from './resources.ts';

type Partial<T extends { fromPartial(p: never): unknown }> = Parameters<T['fromPartial']>[0];

/** A match that cannot be served; the text names the field. */
export class InvalidMatch extends Error {}

export type PathType = 'Exact' | 'RegularExpression' | 'PathPrefix';

export interface PathMatch {
  readonly type: PathType;
  readonly value: string;
}

/** The path of a match with Gateway API's defaults; a prefix has no trailing slash but for `/` itself. */
export function pathOf(match: HTTPRouteMatch): PathMatch {
  const type = match.path?.type ?? 'PathPrefix';
  const value = match.path?.value ?? '/';
  if (type === 'Exact' || type === 'RegularExpression') return { type, value };
  if (type !== 'PathPrefix') throw new InvalidMatch(`path.type ${type} is not supported`);
  return { type, value: value === '/' ? value : value.replace(/\/+$/, '') || '/' };
}

/**
 * The xDS form of an HTTPRoute match.
 * @throws InvalidMatch where a type is not known, or a pattern is no RE2 expression (Envoy would refuse the whole snapshot).
 */
export function routeMatch(match: HTTPRouteMatch): RouteMatch {
  return RouteMatch.fromPartial({
    pathSpecifier: pathSpecifier(pathOf(match)),
    headers: [...methodMatchers(match.method), ...distinct(match.headers, true).map(headerMatcher)],
    queryParameters: distinct(match.queryParams, false).map(queryMatcher),
  });
}

function pathSpecifier(path: PathMatch): Partial<typeof RouteMatch>['pathSpecifier'] {
  if (path.type === 'Exact') return { $case: 'path', value: path.value };
  if (path.type === 'RegularExpression') return { $case: 'safeRegex', value: { regex: checked(path.value, 'path') } };
  return path.value === '/' ? { $case: 'prefix', value: '/' } : { $case: 'pathSeparatedPrefix', value: path.value };
}

const methodMatchers = (method: string | undefined): Partial<typeof HeaderMatcher>[] =>
  method === undefined ? [] : [{ name: ':method', headerMatchSpecifier: exactHeader(method) }];

const exactHeader = (value: string) =>
  ({ $case: 'stringMatch', value: { matchPattern: { $case: 'exact', value } } }) as const;

function headerMatcher(m: NamedMatch): Partial<typeof HeaderMatcher> {
  return { name: m.name.toLowerCase(), headerMatchSpecifier: stringSpecifier(m, `header ${m.name}`) };
}

function queryMatcher(m: NamedMatch): Partial<typeof QueryParameterMatcher> {
  return { name: m.name, queryParameterMatchSpecifier: stringSpecifier(m, `query parameter ${m.name}`) };
}

function stringSpecifier(m: NamedMatch, field: string) {
  const type = m.type ?? 'Exact';
  if (type === 'Exact') return exactHeader(m.value);
  if (type !== 'RegularExpression') throw new InvalidMatch(`the type ${type} of ${field} is not supported`);
  return {
    $case: 'stringMatch',
    value: { matchPattern: { $case: 'safeRegex', value: { regex: checked(m.value, field) } } },
  } as const;
}

/** Of entries with an equal name only the first counts (HTTPHeaderMatch.name, HTTPQueryParamMatch.name). */
function distinct(matches: readonly NamedMatch[] | undefined, foldCase: boolean): NamedMatch[] {
  const seen = new Map<string, NamedMatch>();
  for (const m of matches ?? []) {
    const name = foldCase ? m.name.toLowerCase() : m.name;
    if (!seen.has(name)) seen.set(name, m);
  }
  return [...seen.values()];
}

function checked(regex: string, field: string): string {
  try {
    RE2JS.compile(regex);
    return regex;
  } catch (cause) {
    throw new InvalidMatch(`${field}: ${JSON.stringify(regex)} is not a valid RE2 expression`, { cause });
  }
}

const PATH_RANK: Readonly<Record<PathType, number>> = { Exact: 0, RegularExpression: 1, PathPrefix: 2 };

/**
 * Gateway API's precedence between matches (HTTPRouteRule.matches): exact path, then (as Envoy Gateway has it) regular expression,
 * then prefix; the longer path; a method; more headers; more query parameters. Negative: `a` goes first, 0: undecided.
 */
export function comparePrecedence(a: HTTPRouteMatch, b: HTTPRouteMatch): number {
  const [pa, pb] = [pathOf(a), pathOf(b)];
  return (
    PATH_RANK[pa.type] - PATH_RANK[pb.type] ||
    pb.value.length - pa.value.length ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    distinct(b.headers, true).length - distinct(a.headers, true).length ||
    distinct(b.queryParams, false).length - distinct(a.queryParams, false).length
  );
}
