import { smoothWeighted } from '@tsgateway/load-balancing';
import type { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RedirectAction,
  Route,
  RouteAction,
  RouteMatch,
  VirtualHost,
  WeightedCluster,
} from '@tsgateway/protos/envoy/config/route/v3/route_components';
import {
  RedirectAction_RedirectResponseCode as RedirectCode,
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
} from '@tsgateway/protos/envoy/config/route/v3/route_components';
import type { RegexMatchAndSubstitute } from '@tsgateway/protos/envoy/type/matcher/v3/regex';
import type { StringMatcher } from '@tsgateway/protos/envoy/type/matcher/v3/string';
import { RE2JS } from 're2js';
import { fromDuration } from '../duration.ts';
import type { HeaderChanges } from './headers.ts';
import { headerChanges } from './headers.ts';

/** What a route is chosen by. */
export interface RouteRequest {
  readonly method: string;
  /** The Host header, a port included. */
  readonly host: string;
  /** Normalized, with the query. */
  readonly path: string;
  /** By lower-case name; several of one name joined by a comma. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What is done with a request; undefined where no route matches: 404. */
export type Decision = ForwardRoute | DirectRoute | RedirectRoute;

interface RouteBase {
  readonly responseHeaders: readonly (HeaderChanges | undefined)[];
}

export interface ForwardRoute extends RouteBase {
  readonly kind: 'forward';
  readonly requestHeaders: readonly (HeaderChanges | undefined)[];
  /** The cluster of the next request; changes with every call where several share. */
  cluster(request: RouteRequest): ClusterChoice;
  /** The status where that cluster does not exist. */
  readonly clusterNotFound: number;
  /** The path with its query, for the backend. */
  path(path: string): string;
  /** Undefined: the request's own. */
  readonly host: string | undefined;
  /** The Host header is the endpoint's own name. */
  readonly autoHost: boolean;
  readonly appendForwardedHost: boolean;
  /** For the whole response; undefined: none. */
  readonly timeoutMs: number | undefined;
  /** How often a request that no backend has seen is tried elsewhere; 0: never. */
  readonly retries: number;
  readonly websocket: boolean;
}

export interface ClusterChoice {
  readonly name: string;
  readonly requestHeaders?: HeaderChanges | undefined;
  readonly responseHeaders?: HeaderChanges | undefined;
}

export interface DirectRoute extends RouteBase {
  readonly kind: 'direct';
  readonly status: number;
  readonly body: string;
}

export interface RedirectRoute extends RouteBase {
  readonly kind: 'redirect';
  readonly status: number;
  location(request: RouteRequest, scheme: string): string;
}

/** Envoy's default for a route. */
const DEFAULT_TIMEOUT_MS = 15_000;

/** Chooses routes of one route configuration, as Envoy does: the most specific domain, then the first route that matches. */
export class Router {
  readonly #exact = new Map<string, CompiledHost>();
  /** `.example.test`, longest first. */
  readonly #suffixes: { suffix: string; host: CompiledHost }[] = [];
  readonly #prefixes: { prefix: string; host: CompiledHost }[] = [];
  #any: CompiledHost | undefined;
  readonly #ignorePort: boolean;
  readonly clusters: ReadonlySet<string>;

  constructor(configuration: RouteConfiguration) {
    this.#ignorePort = configuration.ignorePortInHostMatching;
    const clusters = new Set<string>();
    for (const v of configuration.virtualHosts) {
      const host = v.routes.map((route) => compileRoute(route, v, configuration));
      for (const route of v.routes) for (const name of clustersOf(route)) clusters.add(name);
      for (const domain of v.domains.map((d) => d.toLowerCase())) this.#add(domain, host);
    }
    this.#suffixes.sort((a, b) => b.suffix.length - a.suffix.length);
    this.#prefixes.sort((a, b) => b.prefix.length - a.prefix.length);
    this.clusters = clusters;
  }

  #add(domain: string, host: CompiledHost): void {
    if (domain === '*') this.#any = host;
    else if (domain.startsWith('*')) this.#suffixes.push({ suffix: domain.slice(1), host });
    else if (domain.endsWith('*')) this.#prefixes.push({ prefix: domain.slice(0, -1), host });
    else this.#exact.set(domain, host);
  }

  route(request: RouteRequest): Decision | undefined {
    const lower = request.host.toLowerCase();
    const name = this.#ignorePort ? withoutPort(lower) : lower;
    const host =
      this.#exact.get(name) ??
      this.#suffixes.find((s) => name.length > s.suffix.length && name.endsWith(s.suffix))?.host ??
      this.#prefixes.find((p) => name.length > p.prefix.length && name.startsWith(p.prefix))?.host ??
      this.#any;
    return host?.find((r) => r.matches(request))?.decision;
  }
}

type CompiledHost = readonly { matches(request: RouteRequest): boolean; readonly decision: Decision }[];

const withoutPort = (host: string): string => host.replace(/:\d+$/, '');
const pathOnly = (path: string): string => {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
};
const queryOf = (path: string): string => {
  const query = path.indexOf('?');
  return query < 0 ? '' : path.slice(query);
};

function compileRoute(route: Route, host: VirtualHost, all: RouteConfiguration): CompiledHost[number] {
  const responseHeaders = levels('responseHeaders', [route, host, all]);
  return {
    matches: compileMatch(route.match),
    decision: decisionOf(route, { responseHeaders, requestHeaders: levels('requestHeaders', [route, host, all]) }),
  };
}

function levels(
  of: 'requestHeaders' | 'responseHeaders',
  messages: readonly (Route | VirtualHost | RouteConfiguration)[],
): HeaderChanges[] {
  return messages.flatMap((m) => headerChanges(m[`${of}ToAdd`], m[`${of}ToRemove`]) ?? []);
}

function decisionOf(route: Route, headers: Pick<ForwardRoute, 'requestHeaders' | 'responseHeaders'>): Decision {
  const { responseHeaders } = headers;
  switch (route.action?.$case) {
    case 'route':
      return { kind: 'forward', ...headers, ...forward(route.action.value, matchedPrefix(route.match)) };
    case 'redirect':
      return { kind: 'redirect', responseHeaders, ...redirect(route.action.value, matchedPrefix(route.match)) };
    case 'directResponse': {
      const { status, body } = route.action.value;
      const text = body?.specifier?.$case === 'inlineString' ? body.specifier.value : '';
      return { kind: 'direct', responseHeaders, status, body: text };
    }
    default:
      return { kind: 'direct', responseHeaders, status: 500, body: '' };
  }
}

function matchedPrefix(match: RouteMatch | undefined): string {
  const p = match?.pathSpecifier;
  return p?.$case === 'prefix' || p?.$case === 'pathSeparatedPrefix' || p?.$case === 'path' ? p.value : '';
}

function forward(
  action: RouteAction,
  prefix: string,
): Omit<ForwardRoute, 'kind' | 'requestHeaders' | 'responseHeaders'> {
  const rewrite = pathRewrite(action.prefixRewrite, action.regexRewrite, prefix);
  const host = action.hostRewriteSpecifier;
  const timeoutMs = fromDuration(action.timeout) ?? DEFAULT_TIMEOUT_MS;
  return {
    cluster: clusterChoice(action),
    clusterNotFound:
      { [NotFoundCode.NOT_FOUND]: 404, [NotFoundCode.INTERNAL_SERVER_ERROR]: 500 }[
        action.clusterNotFoundResponseCode as 1 | 2
      ] ?? 503,
    path: rewrite ?? ((path) => path),
    host: host?.$case === 'hostRewriteLiteral' ? host.value : undefined,
    autoHost: host?.$case === 'autoHostRewrite' && host.value === true,
    appendForwardedHost: action.appendXForwardedHost,
    timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
    retries: retriesOf(action),
    websocket: action.upgradeConfigs.some((u) => u.upgradeType.toLowerCase() === 'websocket' && u.enabled !== false),
  };
}

/** Only what is safe for every request is done: another host for a request that none has seen. */
function retriesOf({ retryPolicy }: RouteAction): number {
  if (!retryPolicy) return 0;
  const on = new Set(retryPolicy.retryOn.split(',').map((c) => c.trim()));
  const unseen = ['connect-failure', 'refused-stream', 'reset-before-request', 'reset', 'gateway-error', '5xx'];
  return unseen.some((c) => on.has(c)) ? (retryPolicy.numRetries ?? 1) : 0;
}

function clusterChoice(action: RouteAction): ForwardRoute['cluster'] {
  const by = action.clusterSpecifier;
  if (by?.$case === 'weightedClusters') return weighted(by.value);
  if (by?.$case === 'clusterHeader') {
    const name = by.value.toLowerCase();
    return (request) => ({ name: String(request.headers[name] ?? '') });
  }
  const choice = { name: by?.$case === 'cluster' ? by.value : '' };
  return () => choice;
}

function weighted({ clusters }: WeightedCluster): ForwardRoute['cluster'] {
  const some = clusters.filter((c) => (c.weight ?? 0) > 0);
  const picker = smoothWeighted(some.map((c) => c.weight ?? 0));
  const choices = some.map((c) => ({
    name: c.name,
    requestHeaders: headerChanges(c.requestHeadersToAdd, c.requestHeadersToRemove),
    responseHeaders: headerChanges(c.responseHeadersToAdd, c.responseHeadersToRemove),
  }));
  return () => choices[picker.pick() ?? -1] ?? { name: '' };
}

function clustersOf(route: Route): string[] {
  if (route.action?.$case !== 'route') return [];
  const by = route.action.value.clusterSpecifier;
  if (by?.$case === 'cluster') return [by.value];
  return by?.$case === 'weightedClusters' ? by.value.clusters.map((c) => c.name) : [];
}

/** Rewrites a path and keeps its query; undefined: no rewriting. */
function pathRewrite(
  prefixRewrite: string,
  regexRewrite: RegexMatchAndSubstitute | undefined,
  prefix: string,
): ((path: string) => string) | undefined {
  if (prefixRewrite !== '') return (path) => prefixRewrite + path.slice(prefix.length);
  if (regexRewrite?.pattern === undefined) return undefined;
  const pattern = RE2JS.compile(regexRewrite.pattern.regex);
  const { substitution } = regexRewrite;
  return (path) => substituted(pattern, substitution, pathOnly(path)) + queryOf(path);
}

/** Every match replaced; `\1` in the substitution is a group, `\\` a backslash. */
function substituted(pattern: RE2JS, substitution: string, text: string): string {
  const matcher = pattern.matcher(text);
  let [out, last] = ['', 0];
  while (matcher.find()) {
    const by = substitution.replace(/\\(\\|\d)/g, (_all, c: string) =>
      c === '\\' ? c : (matcher.group(Number(c)) ?? ''),
    );
    out += text.slice(last, matcher.start()) + by;
    last = matcher.end();
  }
  return out + text.slice(last);
}

const REDIRECT_STATUS: Readonly<Record<number, number>> = {
  [RedirectCode.MOVED_PERMANENTLY]: 301,
  [RedirectCode.FOUND]: 302,
  [RedirectCode.SEE_OTHER]: 303,
  [RedirectCode.TEMPORARY_REDIRECT]: 307,
  [RedirectCode.PERMANENT_REDIRECT]: 308,
};

function redirect(action: RedirectAction, prefix: string): Pick<RedirectRoute, 'status' | 'location'> {
  const to = action.pathRewriteSpecifier;
  const rewrite = pathRewrite(
    to?.$case === 'prefixRewrite' ? to.value : '',
    to?.$case === 'regexRewrite' ? to.value : undefined,
    prefix,
  );
  const by = action.schemeRewriteSpecifier;
  const scheme = by?.$case === 'httpsRedirect' && by.value ? 'https' : by?.$case === 'schemeRedirect' ? by.value : '';
  return {
    status: REDIRECT_STATUS[action.responseCode] ?? 301,
    location: (request, own) => {
      const target = scheme || own;
      const path =
        to?.$case === 'pathRedirect'
          ? to.value + (to.value.includes('?') ? '' : queryOf(request.path))
          : (rewrite?.(request.path) ?? request.path);
      const host = action.hostRedirect || (scheme || action.portRedirect ? withoutPort(request.host) : request.host);
      const standard = { http: 80, https: 443 }[target];
      const port = action.portRedirect && action.portRedirect !== standard ? `:${action.portRedirect}` : '';
      return `${target}://${port === '' ? host : withoutPort(host)}${port}${action.stripQuery ? pathOnly(path) : path}`;
    },
  };
}

type Test<T> = (value: T) => boolean;

function compileMatch(match: RouteMatch | undefined): Test<RouteRequest> {
  if (!match) return () => false;
  const tests: Test<RouteRequest>[] = [];
  const path = pathTest(match);
  if (path) tests.push((r) => path(pathOnly(r.path)));
  for (const h of match.headers) tests.push(headerTest(h));
  if (match.queryParameters.length > 0) {
    const query = match.queryParameters.map(queryTest);
    tests.push((r) => {
      const parameters = new URLSearchParams(queryOf(r.path));
      return query.every((test) => test(parameters));
    });
  }
  // Not known here, so never taken for matched.
  if (match.runtimeFraction || match.dynamicMetadata.length > 0 || match.tlsContext) return () => false;
  if (match.grpc) tests.push((r) => String(r.headers['content-type'] ?? '').startsWith('application/grpc'));
  return (request) => tests.every((test) => test(request));
}

function pathTest(match: RouteMatch): Test<string> | undefined {
  const by = match.pathSpecifier;
  const fold = match.caseSensitive === false ? (s: string) => s.toLowerCase() : (s: string) => s;
  switch (by?.$case) {
    case 'prefix': {
      const prefix = fold(by.value);
      return prefix === '/' || prefix === '' ? undefined : (path) => fold(path).startsWith(prefix);
    }
    case 'pathSeparatedPrefix': {
      const prefix = fold(by.value);
      return (path) => {
        const folded = fold(path);
        return folded.startsWith(prefix) && (folded.length === prefix.length || folded[prefix.length] === '/');
      };
    }
    case 'path': {
      const exact = fold(by.value);
      return (path) => fold(path) === exact;
    }
    case 'safeRegex':
      return regexTest(by.value.regex);
    default:
      return () => false;
  }
}

function regexTest(regex: string): Test<string> {
  const pattern = RE2JS.compile(regex);
  return (value) => pattern.matches(value);
}

function headerTest(m: HeaderMatcher): Test<RouteRequest> {
  const name = m.name.toLowerCase();
  const read = (r: RouteRequest): string | undefined => {
    if (name === ':method') return r.method;
    if (name === ':path') return r.path;
    if (name === ':authority' || name === 'host') return r.host;
    const value = r.headers[name];
    return value === undefined || typeof value === 'string' ? value : value.join(',');
  };
  const by = m.headerMatchSpecifier;
  if (by === undefined || by.$case === 'presentMatch') {
    const wanted = (by?.value ?? true) !== m.invertMatch;
    return (r) => (read(r) !== undefined) === wanted;
  }
  const test = headerValueTest(by);
  return (r) => {
    const value = read(r) ?? (m.treatMissingHeaderAsEmpty ? '' : undefined);
    // Envoy: a header that is not there does not match, inverted or not.
    return value !== undefined && test(value) !== m.invertMatch;
  };
}

function headerValueTest(by: NonNullable<HeaderMatcher['headerMatchSpecifier']>): Test<string> {
  switch (by.$case) {
    case 'stringMatch':
      return stringTest(by.value);
    case 'exactMatch':
      return (v) => v === by.value;
    case 'safeRegexMatch':
      return regexTest(by.value.regex);
    case 'prefixMatch':
      return (v) => v.startsWith(by.value);
    case 'suffixMatch':
      return (v) => v.endsWith(by.value);
    case 'containsMatch':
      return (v) => v.includes(by.value);
    case 'rangeMatch':
      return (v) => /^-?\d+$/.test(v) && BigInt(v) >= by.value.start && BigInt(v) < by.value.end;
    default:
      return () => false;
  }
}

function stringTest(m: StringMatcher): Test<string> {
  const by = m.matchPattern;
  const fold = m.ignoreCase ? (s: string) => s.toLowerCase() : (s: string) => s;
  if (by === undefined || by.$case === 'custom') return () => false;
  if (by.$case === 'safeRegex') return regexTest(by.value.regex);
  const wanted = fold(by.value);
  switch (by.$case) {
    case 'exact':
      return (v) => fold(v) === wanted;
    case 'prefix':
      return (v) => fold(v).startsWith(wanted);
    case 'suffix':
      return (v) => fold(v).endsWith(wanted);
    case 'contains':
      return (v) => fold(v).includes(wanted);
  }
}

function queryTest(m: QueryParameterMatcher): Test<URLSearchParams> {
  const by = m.queryParameterMatchSpecifier;
  if (by === undefined || by.$case === 'presentMatch') {
    const wanted = by?.value ?? true;
    return (q) => q.has(m.name) === wanted;
  }
  const test = stringTest(by.value);
  return (q) => {
    const value = q.get(m.name);
    return value !== null && test(value);
  };
}
