import type { Finding } from './conditions.ts';
import { listed } from './endpoints-status.ts';

/** A route that names a kind of ours where Envoy Gateway cannot carry it. */
export interface UnsupportedRoute {
  /** `TCPRoute shop/db`. */
  readonly route: string;
  /** `mirror`: a request mirror of an HTTPRoute or GRPCRoute; else a backend of a kind of route that is not carried. */
  readonly use: 'backend' | 'mirror';
}

/** The condition `RoutesSupported` of what is named so; none where nobody does. */
export function routesSupported(routes: readonly UnsupportedRoute[]): Finding[] {
  if (routes.length === 0) return [];
  const backends = routes.filter((r) => r.use === 'backend').map((r) => r.route);
  const mirrors = routes.filter((r) => r.use === 'mirror').map((r) => r.route);
  return [
    {
      type: 'RoutesSupported',
      status: 'False',
      reason: backends.length > 0 ? 'UnsupportedRouteKind' : 'UnsupportedMirror',
      message: [
        ...(backends.length > 0 ? [`${listed(backends.sort())}: ${explain('backend')}`] : []),
        ...(mirrors.length > 0 ? [`${listed(mirrors.sort())}: ${explain('mirror')}`] : []),
      ].join(' '),
    },
  ];
}

/** Why it is not carried, and the way out. */
export const explain = (use: UnsupportedRoute['use']): string =>
  use === 'backend'
    ? 'only HTTPRoutes and GRPCRoutes reach Tailscale backends in this version. Use one of these, or name a Service.'
    : 'requests are not mirrored to Tailscale backends in this version. Mirror to a Service.';
