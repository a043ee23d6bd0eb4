import type {
  HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as AppendAction,
} from '@tsgateway/protos/envoy/config/core/v3/base';
import { HeaderValueOption_HeaderAppendAction } from '@tsgateway/protos/envoy/config/core/v3/base';
import { HeaderValueOption as HeaderOption } from '@tsgateway/protos/envoy/config/core/v3/base';
import type { RouteAction } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import {
  RedirectAction,
  RedirectAction_RedirectResponseCode,
} from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { RE2JS } from 're2js';
import type { HeaderModifier, HTTPRouteFilter, PathModifier } from './resources.ts';
import type { PathMatch } from './route-match.ts';

/** The filters of a rule, sorted by what they change. */
export interface RuleFilters {
  readonly requestHeadersToAdd: HeaderValueOption[];
  readonly requestHeadersToRemove: string[];
  readonly responseHeadersToAdd: HeaderValueOption[];
  readonly responseHeadersToRemove: string[];
  readonly redirect?: HTTPRouteFilter['requestRedirect'];
  readonly rewrite?: HTTPRouteFilter['urlRewrite'];
  /** Types that this gateway does not know: the rule answers 500 (Gateway API: a filter is never skipped). */
  readonly unsupported: string[];
}

export function readFilters(filters: readonly HTTPRouteFilter[] | undefined): RuleFilters {
  const out = {
    requestHeadersToAdd: [] as HeaderValueOption[],
    requestHeadersToRemove: [] as string[],
    responseHeadersToAdd: [] as HeaderValueOption[],
    responseHeadersToRemove: [] as string[],
    redirect: undefined as HTTPRouteFilter['requestRedirect'],
    rewrite: undefined as HTTPRouteFilter['urlRewrite'],
    unsupported: [] as string[],
  };
  for (const f of filters ?? []) {
    if (f.type === 'RequestHeaderModifier' && f.requestHeaderModifier) {
      out.requestHeadersToAdd.push(...headerOptions(f.requestHeaderModifier));
      out.requestHeadersToRemove.push(...(f.requestHeaderModifier.remove ?? []));
    } else if (f.type === 'ResponseHeaderModifier' && f.responseHeaderModifier) {
      out.responseHeadersToAdd.push(...headerOptions(f.responseHeaderModifier));
      out.responseHeadersToRemove.push(...(f.responseHeaderModifier.remove ?? []));
    } else if (f.type === 'RequestRedirect' && f.requestRedirect) {
      out.redirect ??= f.requestRedirect;
    } else if (f.type === 'URLRewrite' && f.urlRewrite) {
      out.rewrite ??= f.urlRewrite;
    } else {
      out.unsupported.push(f.type);
    }
  }
  return out;
}

function headerOptions(m: HeaderModifier): HeaderValueOption[] {
  const { APPEND_IF_EXISTS_OR_ADD, OVERWRITE_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;
  return [
    ...(m.add ?? []).map((h) => headerOption(h, APPEND_IF_EXISTS_OR_ADD)),
    ...(m.set ?? []).map((h) => headerOption(h, OVERWRITE_IF_EXISTS_OR_ADD)),
  ];
}

const headerOption = (h: { name: string; value: string }, appendAction: AppendAction): HeaderValueOption =>
  HeaderOption.fromPartial({
    // A percent sign starts a substitution in Envoy, and a stray one makes it refuse the route.
    header: { key: h.name, value: h.value.replaceAll('%', '%%') },
    appendAction,
    keepEmptyValue: h.value === '',
  });

const REDIRECT_CODES: Readonly<Record<number, RedirectAction_RedirectResponseCode>> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};

/** Where a redirect filter sends requests that came over the listener's port. */
export function redirectAction(
  redirect: NonNullable<HTTPRouteFilter['requestRedirect']>,
  path: PathMatch,
  listenerPort: number,
): RedirectAction {
  // HTTPRequestRedirectFilter.port: without a scheme the listener's port, with one that scheme's own.
  const port = redirect.port ?? (redirect.scheme === undefined && listenerPort !== 80 ? listenerPort : undefined);
  return RedirectAction.fromPartial({
    ...(redirect.scheme === undefined
      ? {}
      : { schemeRewriteSpecifier: { $case: 'schemeRedirect', value: redirect.scheme } }),
    hostRedirect: redirect.hostname ?? '',
    portRedirect: port ?? 0,
    responseCode: REDIRECT_CODES[redirect.statusCode ?? 302] ?? RedirectAction_RedirectResponseCode.FOUND,
    ...redirectPath(redirect.path, path),
  });
}

function redirectPath(modifier: PathModifier | undefined, path: PathMatch) {
  if (modifier === undefined) return {};
  if (modifier.type === 'ReplaceFullPath') {
    return { pathRewriteSpecifier: { $case: 'pathRedirect', value: modifier.replaceFullPath ?? '/' } as const };
  }
  const rewrite = prefixRewrite(path, modifier.replacePrefixMatch ?? '');
  return {
    pathRewriteSpecifier:
      'prefixRewrite' in rewrite
        ? ({ $case: 'prefixRewrite', value: rewrite.prefixRewrite } as const)
        : ({ $case: 'regexRewrite', value: rewrite.regexRewrite } as const),
  };
}

/** What a rewrite filter adds to a route's action. */
export function rewriteAction(
  rewrite: NonNullable<HTTPRouteFilter['urlRewrite']>,
  path: PathMatch,
): Parameters<typeof RouteAction.fromPartial>[0] {
  const host =
    rewrite.hostname === undefined
      ? {}
      : {
          hostRewriteSpecifier: { $case: 'hostRewriteLiteral', value: rewrite.hostname } as const,
          appendXForwardedHost: true,
        };
  if (rewrite.path === undefined) return host;
  if (rewrite.path.type === 'ReplaceFullPath') {
    return { ...host, regexRewrite: substitution('^/.*$', rewrite.path.replaceFullPath ?? '/') };
  }
  return { ...host, ...prefixRewrite(path, rewrite.path.replacePrefixMatch ?? '') };
}

/**
 * Replaces the matched prefix so that the rest keeps exactly one slash before it: `/foo` -> `/` makes `/foo/bar` `/bar` (a plain
 * prefix rewrite would make it `//bar`), and `/` -> `/x` makes `/bar` `/x/bar` (and not `/xbar`).
 */
function prefixRewrite(path: PathMatch, replacement: string) {
  const to = replacement.replace(/\/+$/, '');
  if (path.value === '/') return { prefixRewrite: `${to}/` };
  if (to === '') return { regexRewrite: substitution(`^${RE2JS.quote(path.value)}/*`, '/') };
  return { prefixRewrite: to };
}

const substitution = (regex: string, to: string) => ({
  pattern: { regex },
  substitution: to.replaceAll('\\', '\\\\'),
});
