import { describe, expect, it } from '@jest/globals';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type { Route } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import type { HTTPRouteMatch, HTTPRouteRule, KubeObject } from '../resources.ts';
import { readResources } from '../testing/read-resources.ts';
import { translate } from '../translate.ts';
import { normalizePath } from './request-path.ts';
import type { RouteRequest } from './router.ts';
import { Router } from './router.ts';

type PartialRoute = Parameters<typeof Route.fromPartial>[0];

const request = (path: string, more: Partial<RouteRequest> = {}): RouteRequest => ({
  method: 'GET',
  host: 'a.test',
  path,
  headers: {},
  ...more,
});

const answers = (name: string): PartialRoute['action'] => ({
  $case: 'directResponse',
  value: { status: 200, body: { specifier: { $case: 'inlineString', value: name } } },
});

const routerOf = (hosts: Record<string, PartialRoute[]>): Router =>
  new Router(
    RouteConfiguration.fromPartial({
      ignorePortInHostMatching: true,
      virtualHosts: Object.entries(hosts).map(([domain, routes]) => ({
        name: domain,
        domains: [domain],
        routes: routes as Route[],
      })),
    }),
  );

const bodyOf = (router: Router, of: RouteRequest): string | undefined => {
  const decision = router.route(of);
  return decision?.kind === 'direct' ? decision.body : decision?.kind;
};

/** The router of one HTTPRoute, through the translator, whose routes answer with their rule. */
function served(rules: readonly HTTPRouteRule[]): Router {
  const objects = [
    {
      kind: 'GatewayClass',
      metadata: { name: 'c' },
      spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
    },
    {
      kind: 'Gateway',
      metadata: { namespace: 'apps', name: 'edge' },
      spec: { gatewayClassName: 'c', listeners: [{ name: 'http', port: 8080, protocol: 'HTTP' }] },
    },
    { kind: 'TailscaleServices', metadata: { namespace: 'apps', name: 's' } },
    { kind: 'Service', metadata: { namespace: 'apps', name: 'plain' }, spec: { ports: [{ port: 80 }] } },
    {
      kind: 'EndpointSlice',
      metadata: { namespace: 'apps', name: 'plain', labels: { 'kubernetes.io/service-name': 'plain' } },
      endpoints: [{ addresses: ['10.1.0.1'] }],
      ports: [{ port: 80 }],
    },
    { kind: 'HTTPRoute', metadata: { namespace: 'apps', name: 'r' }, spec: { parentRefs: [{ name: 'edge' }], rules } },
  ];
  const [configuration] = translate(readResources(objects as unknown as KubeObject[]), {
    address: '127.0.0.1',
  }).routeConfigurations;
  return new Router(configuration!);
}

const backendRefs = [{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', name: 's' }];

describe('Router', () => {
  it.each([
    ['a.test', 'exact'],
    ['A.TEST:8080', 'exact'],
    ['x.y.a.test', 'suffix'],
    ['x.b.a.test', 'longer suffix'],
    ['elsewhere.test', 'any'],
  ])('host %s is served by the domain "%s"', (host, expected) => {
    const at = (name: string): PartialRoute[] => [
      { match: { pathSpecifier: { $case: 'prefix', value: '/' } }, action: answers(name) },
    ];
    const router = routerOf({
      '*': at('any'),
      '*.a.test': at('suffix'),
      '*.b.a.test': at('longer suffix'),
      'a.test': at('exact'),
    });
    expect(bodyOf(router, request('/', { host }))).toBe(expected);
  });

  it.each<[HTTPRouteMatch, [RouteRequest, boolean][]]>([
    [
      { path: { type: 'Exact', value: '/a' } },
      [
        [request('/a?x=1'), true],
        [request('/a/'), false],
        [request('/A'), false],
      ],
    ],
    [
      { path: { type: 'PathPrefix', value: '/a/' } },
      [
        [request('/a'), true],
        [request('/a/b'), true],
        [request('/ab'), false],
      ],
    ],
    [
      { path: { type: 'RegularExpression', value: '/[0-9]+' } },
      [
        [request('/12'), true],
        [request('/12/x'), false],
      ],
    ],
    [
      { method: 'POST' },
      [
        [request('/', { method: 'POST' }), true],
        [request('/'), false],
      ],
    ],
    [
      {
        headers: [
          { name: 'X-A', value: '1' },
          { name: 'X-B', type: 'RegularExpression', value: 'b+' },
        ],
      },
      [
        [request('/', { headers: { 'x-a': '1', 'x-b': 'bb' } }), true],
        [request('/', { headers: { 'x-a': '1', 'x-b': 'cbb' } }), false],
        [request('/', { headers: { 'x-a': '1' } }), false],
      ],
    ],
    [
      { queryParams: [{ name: 'q', value: '1' }] },
      [
        [request('/?a=2&q=1'), true],
        [request('/?q=11'), false],
        [request('/'), false],
      ],
    ],
  ])('%j', (match, cases) => {
    const router = served([{ matches: [match], backendRefs }]);
    for (const [asked, expected] of cases)
      expect([asked.path, router.route(asked) !== undefined]).toEqual([asked.path, expected]);
  });

  it.each([
    [
      '/foo',
      { type: 'ReplacePrefixMatch', replacePrefixMatch: '/bar' },
      { '/foo': '/bar', '/foo/x?q=1': '/bar/x?q=1' },
    ],
    [
      '/foo',
      { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' },
      { '/foo': '/', '/foo/x': '/x', '/foo?q=1': '/?q=1' },
    ],
    ['/', { type: 'ReplacePrefixMatch', replacePrefixMatch: '/v$1' }, { '/x': '/v$1/x' }],
    ['/foo', { type: 'ReplaceFullPath', replaceFullPath: '/a\\1$0' }, { '/foo/x?q': '/a\\1$0?q' }],
  ])('rewrites %s with %j', (value, path, cases) => {
    const router = served([
      { matches: [{ path: { value } }], filters: [{ type: 'URLRewrite', urlRewrite: { path } }], backendRefs },
    ]);
    for (const [from, to] of Object.entries(cases)) {
      const decision = router.route(request(from));
      expect(decision?.kind === 'forward' ? decision.path(from) : undefined).toBe(to);
    }
  });

  it.each([
    [{ scheme: 'https' }, 'https://a.test/in/x?q=1'],
    [{ hostname: 'b.test' }, 'http://b.test:8080/in/x?q=1'],
    [{ hostname: 'b.test', port: 80 }, 'http://b.test/in/x?q=1'],
    [{ scheme: 'https', port: 8443 }, 'https://a.test:8443/in/x?q=1'],
    [{ path: { type: 'ReplaceFullPath', replaceFullPath: '/to' } }, 'http://a.test:8080/to?q=1'],
    [{ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/to' } }, 'http://a.test:8080/to/x?q=1'],
    [{ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } }, 'http://a.test:8080/x?q=1'],
  ])('redirects with %j', (requestRedirect, expected) => {
    const router = served([
      { matches: [{ path: { value: '/in' } }], filters: [{ type: 'RequestRedirect', requestRedirect }] },
    ]);
    const asked = request('/in/x?q=1', { host: 'a.test:8080' });
    const decision = router.route(asked);
    expect(decision?.kind === 'redirect' ? [decision.status, decision.location(asked, 'http')] : decision).toEqual([
      302,
      expected,
    ]);
  });

  it('shares between weighted clusters exactly', () => {
    const router = served([
      {
        backendRefs: [
          { name: 'plain', port: 80, weight: 3 },
          { name: 'absent', port: 80, weight: 1 },
        ],
      },
    ]);
    const decision = router.route(request('/'));
    const names = Array.from({ length: 40 }, () =>
      decision?.kind === 'forward' ? decision.cluster(request('/')).name : '',
    );
    expect(names.filter((n) => n === 'invalid-backend-cluster')).toHaveLength(10);
    expect(decision).toMatchObject({ clusterNotFound: 500 });
  });
});

describe('normalizePath', () => {
  it.each([
    ['/a//b/./c/../d?x=//&y=/../', { path: '/a/b/d?x=//&y=/../', redirect: false }],
    ['/../..', { path: '/', redirect: false }],
    ['/a/..', { path: '/', redirect: false }],
    ['/a%2Fb%5c?x=%2f', { path: '/a/b/?x=%2f', redirect: true }],
    ['/.well-known/a', { path: '/.well-known/a', redirect: false }],
  ])('%s', (target, expected) => {
    expect(normalizePath(target)).toEqual(expected);
  });
});
