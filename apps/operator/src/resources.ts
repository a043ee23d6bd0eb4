import { GROUP, kinds, VERSION, type KindName, type ObjectOf } from '@tsgateway/api';
import type { GenericObject, KubeObject, Resource } from '@tsgateway/kube';
import type { RouteObjectBackendRef, RouteObjectRule } from '@tsgateway/model';

const ours = <K extends KindName>(kind: K): Resource<ObjectOf<K>> => ({
  group: GROUP,
  version: VERSION,
  plural: kinds[kind].plural,
  kind,
  namespaced: kinds[kind].namespaced,
});

export const tailnets = ours('TailscaleTailnet');
export const endpoints = ours('TailscaleEndpoints');
export const services = ours('TailscaleServices');
export const gateways = ours('TailscaleGateway');
export const routePolicies = ours('TailscaleRoutePolicy');
export const syncs = ours('TailscaleGatewaySync');

export const GATEWAY_API = 'gateway.networking.k8s.io';
const ENVOY_GATEWAY = 'gateway.envoyproxy.io';

/** What is read of a route of any kind. */
export interface Route extends KubeObject {
  readonly spec?: {
    readonly parentRefs?: readonly ParentRef[] | null | undefined;
    readonly rules?: readonly RouteRuleObject[] | null | undefined;
  };
  readonly status?: {
    readonly parents?:
      | readonly {
          readonly parentRef: ParentRef;
          readonly controllerName?: string | undefined;
          readonly conditions?: readonly { readonly type: string; readonly status: string }[] | undefined;
        }[]
      | undefined;
  };
}

export interface RouteRuleObject extends RouteObjectRule {
  readonly filters?: readonly RouteFilter[] | null | undefined;
  readonly backendRefs?:
    | readonly (RouteObjectBackendRef & { readonly filters?: readonly RouteFilter[] | null | undefined })[]
    | null
    | undefined;
}

export interface RouteFilter {
  readonly requestMirror?: { readonly backendRef?: RouteObjectBackendRef | undefined } | undefined;
}

/** Defaults: the Gateway API's group, kind Gateway, the route's namespace. */
export interface ParentRef {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name: string;
}

const gatewayApi = <T extends KubeObject>(kind: string, more: Partial<Resource<T>> = {}): Resource<T> => ({
  group: GATEWAY_API,
  version: 'v1',
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced: true,
  ...more,
});

export const httpRoutes = gatewayApi<Route>('HTTPRoute');
export const grpcRoutes = gatewayApi<Route>('GRPCRoute');
// The one version that all releases of the Gateway API serve that have these kinds.
export const tcpRoutes = gatewayApi<Route>('TCPRoute', { version: 'v1alpha2' });
export const tlsRoutes = gatewayApi<Route>('TLSRoute', { version: 'v1alpha2' });
export const udpRoutes = gatewayApi<Route>('UDPRoute', { version: 'v1alpha2' });

export interface ParametersRef {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** A Gateway of the Gateway API: the kind of ours that names one is `gateways`. */
export interface ApiGateway extends KubeObject {
  readonly spec?: {
    readonly gatewayClassName?: string | undefined;
    readonly infrastructure?: { readonly parametersRef?: ParametersRef | undefined } | undefined;
  };
}

export const apiGateways = gatewayApi<ApiGateway>('Gateway');

export interface GatewayClass extends KubeObject {
  readonly spec?: { readonly controllerName?: string | undefined; readonly parametersRef?: ParametersRef | undefined };
}

export const gatewayClasses = gatewayApi<GatewayClass>('GatewayClass', { plural: 'gatewayclasses', namespaced: false });

export interface EnvoyProxy extends KubeObject {
  readonly spec?: { readonly bootstrap?: { readonly type?: string; readonly value?: string } | undefined };
}

export const envoyProxies: Resource<EnvoyProxy> = {
  group: ENVOY_GATEWAY,
  version: 'v1alpha1',
  plural: 'envoyproxies',
  kind: 'EnvoyProxy',
  namespaced: true,
};

/** Of a GatewayClass that Envoy Gateway serves. */
export const ENVOY_GATEWAY_CONTROLLER = `${ENVOY_GATEWAY}/gatewayclass-controller`;

export interface EndpointSlice extends KubeObject {
  readonly endpoints?:
    | readonly {
        readonly addresses?: readonly string[] | undefined;
        readonly conditions?: { readonly ready?: boolean | null | undefined } | undefined;
      }[]
    | null
    | undefined;
}

export const endpointSlices: Resource<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
};

export const namespaces: Resource<GenericObject> = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
