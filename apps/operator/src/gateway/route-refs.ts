import { GROUP } from '@tsgateway/api';
import type { RouteObjectBackendRef } from '@tsgateway/model';
import {
  ENVOY_GATEWAY_CONTROLLER,
  GATEWAY_API,
  type ParentRef,
  type Route,
  type RouteFilter,
  type RouteRuleObject,
} from '../resources.ts';

/** The Gateways (`namespace/name`) that a route wants to be attached to. */
export const gatewaysOf = (route: Route): string[] => [
  ...new Set((route.spec?.parentRefs ?? []).flatMap((ref) => gatewayKey(ref, route) ?? [])),
];

/** Whether Envoy Gateway attached the route: not whether its author asked for it. */
export const isAcceptedBy = (route: Route, gateway: string): boolean =>
  (route.status?.parents ?? []).some(
    ({ parentRef, controllerName, conditions }) =>
      controllerName === ENVOY_GATEWAY_CONTROLLER &&
      gatewayKey(parentRef, route) === gateway &&
      conditions?.some((c) => c.type === 'Accepted' && c.status === 'True'),
  );

/** Keys (`serviceKey`) of the backends of our kinds, each once. */
export const backendsOf = (route: Route): string[] =>
  keysOf(
    route,
    rulesOf(route).flatMap((rule) => rule.backendRefs ?? []),
  );

/** Keys of our kinds that requests are mirrored to, each once. */
export const mirrorsOf = (route: Route): string[] =>
  keysOf(
    route,
    rulesOf(route)
      .flatMap((rule) => [rule, ...(rule.backendRefs ?? [])])
      .flatMap(({ filters }) => (filters ?? []).flatMap((filter) => filter.requestMirror?.backendRef ?? [])),
  );

/** What of a route is read; a cluster may have many, and large ones. */
export function withoutUnread(route: Route): Route {
  const { name, namespace, uid, generation, resourceVersion, deletionTimestamp } = route.metadata;
  return {
    apiVersion: route.apiVersion,
    kind: route.kind,
    metadata: { name, namespace, uid, generation, resourceVersion, deletionTimestamp },
    spec: {
      parentRefs: (route.spec?.parentRefs ?? []).map(parentOnly),
      rules: rulesOf(route).map((rule) => ({
        name: rule.name,
        ...(route.kind === 'GRPCRoute' && { matches: rule.matches }),
        filters: mirrorsOnly(rule.filters),
        backendRefs: rule.backendRefs?.map((ref) => ({ ...refOnly(ref), filters: mirrorsOnly(ref.filters) })),
      })),
    },
    status: {
      parents: (route.status?.parents ?? []).map(({ parentRef, controllerName, conditions }) => ({
        parentRef: parentOnly(parentRef),
        controllerName,
        conditions: conditions?.filter((c) => c.type === 'Accepted').map(({ type, status }) => ({ type, status })),
      })),
    },
  };
}

const rulesOf = (route: Route): readonly RouteRuleObject[] => route.spec?.rules ?? [];

const keysOf = (route: Route, refs: readonly RouteObjectBackendRef[]): string[] => [
  ...new Set(
    refs
      .filter((ref) => ref.group === GROUP)
      .map((ref) => `${ref.kind ?? ''}/${ref.namespace ?? route.metadata.namespace ?? ''}/${ref.name}`),
  ),
];

function gatewayKey(ref: ParentRef, route: Route): string | undefined {
  const { group = GATEWAY_API, kind = 'Gateway', namespace = route.metadata.namespace ?? '', name } = ref;
  return group === GATEWAY_API && kind === 'Gateway' ? `${namespace}/${name}` : undefined;
}

const parentOnly = ({ group, kind, namespace, name }: ParentRef): ParentRef => ({ group, kind, namespace, name });

const refOnly = ({ group, kind, namespace, name, port, weight }: RouteObjectBackendRef): RouteObjectBackendRef => ({
  group,
  kind,
  namespace,
  name,
  port,
  weight,
});

function mirrorsOnly(filters: readonly RouteFilter[] | null | undefined): RouteFilter[] | undefined {
  const mirrors = (filters ?? []).flatMap(({ requestMirror }) =>
    requestMirror?.backendRef?.group === GROUP
      ? [{ requestMirror: { backendRef: refOnly(requestMirror.backendRef) } }]
      : [],
  );
  return mirrors.length === 0 ? undefined : mirrors;
}
