export {
  DecodeError,
  decodeCheckers,
  decodeHealth,
  decodeRoute,
  decodeService,
  encodeCheckers,
  encodeHealth,
  encodeRoute,
  encodeService,
} from './codec.ts';
export { HealthStore } from './health-store.ts';
export { buildRoute } from './from-resources/build-route.ts';
export type {
  RouteObject,
  RouteObjectBackendRef,
  RouteObjectMatch,
  RouteObjectRule,
} from './from-resources/build-route.ts';
export { buildEndpointsService, buildService } from './from-resources/build-service.ts';
export { routeKey, serviceKey } from './keys.ts';
export { emptyModel } from './model.ts';
export type {
  BackendKind,
  BackendRef,
  CheckerSet,
  FailoverSeed,
  GrpcMatch,
  HeaderMatch,
  HealthView,
  Machine,
  MatchType,
  MeshGroup,
  MeshModel,
  MeshRoute,
  MeshService,
  Probe,
  Protocol,
  RouteRule,
  Strategy,
  TargetHealth,
  Tier,
  Transition,
} from './model.ts';
export { machinesOf, probeTargets, targetId } from './probe-target.ts';
export type { ProbeTarget } from './probe-target.ts';
export { applyUpdate, diffModels, snapshotOf } from './update.ts';
