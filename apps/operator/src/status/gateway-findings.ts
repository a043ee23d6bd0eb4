import { edsClusterName } from '@tsgateway/xds';
import type { Attached } from '../gateway/attached.ts';
import type { Finding } from './conditions.ts';

/**
 * What a TailscaleGateway says of the Gateway that it names.
 *
 * @param attached undefined: it names another kind than a Gateway.
 * @param bootstrap what an EnvoyProxy of the user's has to have, as `envoyBootstrap` makes it.
 */
export function gatewayFindings(attached: Attached | undefined, bootstrap: string): Finding[] {
  const of = (status: Finding['status'], reason: string, message: string): Finding[] => [
    { type: 'BootstrapConfigured', status, reason, message },
  ];
  if (attached === undefined) return of('Unknown', 'Unknown', 'spec.gatewayRef names no Gateway of the Gateway API.');
  const { bootstrap: state, gateway } = attached;
  switch (state.kind) {
    case 'not-served':
      return of(
        'Unknown',
        'Unknown',
        gateway === undefined
          ? 'The Gateway that spec.gatewayRef names is not there.'
          : `The GatewayClass of the Gateway is not Envoy Gateway's.`,
      );
    case 'own':
      return gateway?.spec?.infrastructure?.parametersRef === undefined
        ? of('Unknown', 'Unknown', `EnvoyProxy ${state.proxy} is made once a route to Tailscale backends is attached.`)
        : of('True', 'Configured', `EnvoyProxy ${state.proxy} is kept by the operator.`);
    case 'named':
      return state.configured
        ? of('True', 'Configured', `EnvoyProxy ${state.proxy} has the cluster ${edsClusterName}.`)
        : of(
            'False',
            'SnippetNeeded',
            `Routes to Tailscale backends get no endpoints until EnvoyProxy ${state.proxy} has this:\n${snippet(bootstrap)}`,
          );
  }
}

const snippet = (bootstrap: string): string =>
  [
    'spec:',
    '  bootstrap:',
    '    type: Merge',
    '    value: |',
    ...bootstrap
      .trimEnd()
      .split('\n')
      .map((line) => `      ${line}`),
  ].join('\n');
