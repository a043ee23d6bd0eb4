import { edsClusterName } from '@tsgateway/xds';
import {
  ENVOY_GATEWAY_CONTROLLER,
  envoyProxies,
  type ApiGateway,
  type EnvoyProxy,
  type GatewayClass,
  type ParametersRef,
} from '../resources.ts';

/** How the Envoys of a Gateway come to know the extension servers. */
export type BootstrapState =
  /** It is not Envoy Gateway's, or not there: nothing is done with it. */
  | { readonly kind: 'not-served' }
  /** No EnvoyProxy is named, or the operator's own: that one is to be there, and named. */
  | { readonly kind: 'own'; readonly proxy: string }
  /** Another is named; `configured`: it has what is needed. */
  | { readonly kind: 'named'; readonly proxy: string; readonly configured: boolean };

export interface BootstrapFacts {
  readonly gateway: ApiGateway | undefined;
  readonly gatewayClass: GatewayClass | undefined;
  /** By `namespace/name`. */
  readonly proxy: (key: string) => EnvoyProxy | undefined;
}

/** The operator's own EnvoyProxy of a Gateway, in the Gateway's namespace. */
export const ownProxyName = (gateway: string): string => `tailscale-gateway-${gateway}`;

/** Whether Envoy Gateway serves the class: nobody else's Gateways are touched. */
export const isEnvoyGateways = (gatewayClass: GatewayClass | undefined): boolean =>
  gatewayClass?.spec?.controllerName === ENVOY_GATEWAY_CONTROLLER;

export function bootstrapState({ gateway, gatewayClass, proxy }: BootstrapFacts): BootstrapState {
  if (gateway === undefined || !isEnvoyGateways(gatewayClass)) return { kind: 'not-served' };
  const { namespace = '', name } = gateway.metadata;
  const own = `${namespace}/${ownProxyName(name)}`;
  const ref = gateway.spec?.infrastructure?.parametersRef;
  // The Gateway's own reference wins over that of its class; one to anything else than an EnvoyProxy is not ours to judge.
  const named = ref ? keyOf({ ...ref, namespace }) : keyOf(gatewayClass?.spec?.parametersRef);
  if (named === undefined || named === own) return { kind: 'own', proxy: own };
  return { kind: 'named', proxy: named, configured: knowsUs(proxy(named)) };
}

const keyOf = (ref: ParametersRef | undefined): string | undefined => ref && `${ref.namespace ?? ''}/${ref.name}`;

/** By its text, whatever the type of the change: merged, replaced or patched. */
const knowsUs = (proxy: EnvoyProxy | undefined): boolean =>
  JSON.stringify(proxy?.spec?.bootstrap ?? '').includes(edsClusterName);

export const parametersRefTo = (name: string): ParametersRef => ({
  group: envoyProxies.group,
  kind: envoyProxies.kind,
  name,
});
