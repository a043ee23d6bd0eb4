import { describe, expect, it } from '@jest/globals';
import type { Route } from '../resources.ts';
import { backendsOf, gatewaysOf, isAcceptedBy, mirrorsOf, withoutUnread } from './route-refs.ts';

const group = 'gateway.tailscale.com';
const ours = { group, kind: 'TailscaleServices', name: 'web', port: 80 };
const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
const accepted = [{ type: 'Accepted', status: 'True' }];
const full = {
  kind: 'HTTPRoute',
  metadata: { name: 'r', namespace: 'shop', uid: 'u', annotations: { large: 'x' } },
  spec: {
    hostnames: ['web.example'],
    parentRefs: [
      { name: 'eg' },
      { name: 'eg', sectionName: 'https' },
      { name: 'other', namespace: 'infra', group: 'gateway.networking.k8s.io', kind: 'Gateway' },
      { name: 'set', kind: 'ListenerSet' },
      { name: 'svc', group: '', kind: 'Service' },
    ],
    rules: [
      {
        matches: [{ path: { value: '/' } }],
        filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { ...ours, name: 'mirrored' } } }],
        backendRefs: [
          { ...ours, namespace: 'other' },
          { name: 'plain', port: 80 },
          {
            ...{ group, kind: 'TailscaleEndpoints', name: 'db' },
            filters: [
              {
                type: 'RequestMirror',
                requestMirror: { backendRef: { group, kind: 'TailscaleEndpoints', name: 'm' } },
              },
              { type: 'RequestMirror', requestMirror: { backendRef: { name: 'plain' } } },
            ],
          },
        ],
      },
      {},
    ],
  },
  status: {
    parents: [
      { parentRef: { name: 'eg' }, controllerName: 'example.com/other', conditions: accepted },
      { parentRef: { name: 'other', namespace: 'infra' }, controllerName, conditions: accepted },
      { parentRef: { name: 'no' }, controllerName, conditions: [{ type: 'Accepted', status: 'False' }] },
    ],
  },
} as unknown as Route;

describe.each([
  ['as it is stored', full],
  ['as it is cached', withoutUnread(full)],
])('a route %s', (_how, route) => {
  it('names Gateways, backends and mirrors', () => {
    expect(gatewaysOf(route)).toEqual(['shop/eg', 'infra/other']);
    expect(backendsOf(route)).toEqual(['TailscaleServices/other/web', 'TailscaleEndpoints/shop/db']);
    expect(mirrorsOf(route)).toEqual(['TailscaleServices/shop/mirrored', 'TailscaleEndpoints/shop/m']);
  });

  it('is attached where Envoy Gateway says so, and nobody else', () => {
    expect(['shop/eg', 'infra/other', 'shop/no'].filter((key) => isAcceptedBy(route, key))).toEqual(['infra/other']);
  });
});

it('keeps no more than that', () => {
  const text = JSON.stringify(withoutUnread(full));
  expect(text).not.toMatch(/hostnames|annotations|matches/);
});
