import { expect, it } from '@jest/globals';
import { conditionReasons } from '@tsgateway/api';
import type { ApiGateway, EnvoyProxy, GatewayClass, ParametersRef } from '../resources.ts';
import { gatewayFindings } from '../status/gateway-findings.ts';
import { bootstrapState } from './bootstrap-state.ts';

const ref = (name: string, namespace?: string): ParametersRef => ({
  ...{ group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', name },
  ...(namespace && { namespace }),
});
const gatewayOf = (parametersRef?: ParametersRef): ApiGateway => ({
  metadata: { name: 'eg', namespace: 'shop' },
  spec: { gatewayClassName: 'eg', ...(parametersRef && { infrastructure: { parametersRef } }) },
});
const classOf = (parametersRef?: ParametersRef, controllerName = 'gateway.envoyproxy.io/gatewayclass-controller') =>
  ({ metadata: { name: 'eg' }, spec: { controllerName, parametersRef } }) as GatewayClass;
const proxies = new Map<string, EnvoyProxy>([
  ['shop/bare', { metadata: { name: 'bare' } }],
  ['infra/full', { metadata: { name: 'full' }, spec: { bootstrap: { value: 'clusters: [{name: tsgateway_eds}]' } } }],
]);
const OWN = 'shop/tailscale-gateway-eg';

it.each<[string, ApiGateway | undefined, GatewayClass | undefined, object, string]>([
  ['no Gateway', undefined, classOf(), { kind: 'not-served' }, 'Unknown'],
  ['no class', gatewayOf(), undefined, { kind: 'not-served' }, 'Unknown'],
  ["another's class", gatewayOf(), classOf(undefined, 'example.com/x'), { kind: 'not-served' }, 'Unknown'],
  ['nothing named', gatewayOf(), classOf(), { kind: 'own', proxy: OWN }, 'Unknown'],
  ['ours named', gatewayOf(ref('tailscale-gateway-eg')), classOf(), { kind: 'own', proxy: OWN }, 'Configured'],
  [
    'one without it',
    gatewayOf(ref('bare')),
    classOf(),
    { kind: 'named', proxy: 'shop/bare', configured: false },
    'SnippetNeeded',
  ],
  [
    'the class names one',
    gatewayOf(),
    classOf(ref('full', 'infra')),
    { kind: 'named', proxy: 'infra/full', configured: true },
    'Configured',
  ],
  [
    "the Gateway's wins",
    gatewayOf(ref('gone')),
    classOf(ref('full', 'infra')),
    { kind: 'named', proxy: 'shop/gone', configured: false },
    'SnippetNeeded',
  ],
])('%s', (_what, gateway, gatewayClass, expected, reason) => {
  const bootstrap = bootstrapState({ gateway, gatewayClass, proxy: (key) => proxies.get(key) });
  expect(bootstrap).toEqual(expected);
  const [finding] = gatewayFindings(
    { gateway, gatewayClass, routes: [], accepted: false, namedBy: [], bootstrap },
    'a:\n  b: 1\n',
  );
  expect(finding?.reason).toBe(reason);
  expect(Object.keys(conditionReasons.TailscaleGateway.BootstrapConfigured)).toContain(reason);
  if (reason === 'SnippetNeeded') expect(finding?.message).toMatch(/value: \|\n {6}a:\n {8}b: 1$/);
});
