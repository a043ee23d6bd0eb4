import { GROUP, kinds, VERSION, type KindName, type ObjectOf } from '@tsgateway/api';
import type { GenericObject, KubeObject, Resource } from '@tsgateway/kube';
import type { RouteObject } from '@tsgateway/model';

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

export type HttpRoute = KubeObject & RouteObject;

export const httpRoutes: Resource<HttpRoute> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  plural: 'httproutes',
  kind: 'HTTPRoute',
  namespaced: true,
};

export const namespaces: Resource<GenericObject> = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
