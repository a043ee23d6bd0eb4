import type { TailscaleGateway } from '@tsgateway/api';
import { objectKey } from '@tsgateway/kube';
import { routeKey, type MeshRoute } from '@tsgateway/model';
import type { MeshCatalog } from '../catalog/mesh-catalog.ts';
import type { Informers } from '../informers.ts';
import { GATEWAY_API, type ApiGateway, type GatewayClass, type Route } from '../resources.ts';
import { bootstrapState, type BootstrapState } from './bootstrap-state.ts';
import { isAcceptedBy } from './route-refs.ts';

/** What is known of a Gateway: looked up, never remembered. */
export interface Attached {
  readonly gateway: ApiGateway | undefined;
  readonly gatewayClass: GatewayClass | undefined;
  /** The routes with backends of our kinds that name it as their parent. */
  readonly routes: readonly MeshRoute[];
  /** Whether Envoy Gateway attached one of these. */
  readonly accepted: boolean;
  /** The TailscaleGateways that name it. */
  readonly namedBy: readonly TailscaleGateway[];
  readonly bootstrap: BootstrapState;
}

export type AttachedSources = Pick<
  Informers,
  'apiGateways' | 'gatewayClasses' | 'envoyProxies' | 'httpRoutes' | 'grpcRoutes' | 'gateways'
>;

/** @param key `namespace/name` of a Gateway. */
export function attachedTo(
  key: string,
  { informers, catalog }: { informers: AttachedSources; catalog: MeshCatalog },
): Attached {
  const gateway = informers.apiGateways.store.get(key);
  const gatewayClass = informers.gatewayClasses.store.get(gateway?.spec?.gatewayClassName ?? '');
  const found = [
    ...informers.httpRoutes.store.byIndex('gateway', key),
    ...informers.grpcRoutes.store.byIndex('gateway', key),
  ];
  const ours = found.flatMap((object) => {
    const route = catalog.routes.get(keyOfRoute(object));
    return route ? [{ object, route }] : [];
  });
  return {
    gateway,
    gatewayClass,
    routes: ours.map(({ route }) => route),
    accepted: ours.some(({ object }) => isAcceptedBy(object, key)),
    namedBy: informers.gateways.store.list().filter((g) => gatewayNamedBy(g) === key),
    bootstrap: bootstrapState({ gateway, gatewayClass, proxy: (name) => informers.envoyProxies.store.get(name) }),
  };
}

/** The Gateway (`namespace/name`) that a TailscaleGateway names; undefined: it names another kind. */
export function gatewayNamedBy(object: TailscaleGateway): string | undefined {
  // A stored object may be older than its definition.
  const {
    group,
    kind,
    name = '',
    namespace,
  } = (object.spec as Partial<TailscaleGateway['spec']> | undefined)?.gatewayRef ?? {};
  if (group !== GATEWAY_API || kind !== 'Gateway') return undefined;
  return objectKey({ metadata: { name, namespace: namespace ?? object.metadata.namespace } });
}

const keyOfRoute = ({ kind, metadata }: Route): string =>
  routeKey({
    kind: kind === 'GRPCRoute' ? 'GRPCRoute' : 'HTTPRoute',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
  });
