export { routeKey, serviceKey } from './keys.ts';
export { emptyModel } from './model.ts';
export type {
  BackendKind,
  BackendRef,
  CheckerSet,
  FailoverSeed,
  HealthView,
  Machine,
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
