export { systemClock, sleep } from './clock.ts';
export type { Clock } from './clock.ts';
export { Controller, TerminalError } from './controller.ts';
export type { ControllerMetrics, ControllerOptions, Reconcile, ReconcileResult } from './controller.ts';
export { EventRecorder } from './event-recorder.ts';
export type { EventRecorderOptions, RecordedEvent } from './event-recorder.ts';
export { Informer, withoutManagedFields } from './informer.ts';
export type { InformerOptions } from './informer.ts';
export { KubeClient } from './kube-client.ts';
export type {
  CallOptions,
  ConnectOptions,
  DeleteOptions,
  ListOptions,
  ListPage,
  PatchOptions,
  RequestHook,
  WatchEvent,
  WatchOptions,
} from './kube-client.ts';
export { isConflict, isGone, isNotFound, KubeError } from './kube-error.ts';
export { LeaderElector, leases } from './leader-elector.ts';
export type { LeaderElectorOptions, Lease } from './leader-elector.ts';
export type { Log } from './log.ts';
export { kubeMetrics } from './metrics.ts';
export type { KubeMetrics } from './metrics.ts';
export { defaultRateLimiter } from './rate-limiter.ts';
export type { RateLimiter, RateLimiterOptions } from './rate-limiter.ts';
export { Reflector } from './reflector.ts';
export type { ReflectorOptions } from './reflector.ts';
export { apiVersionOf, objectKey, pathOf, refKey, versionOf } from './resource.ts';
export type { GenericObject, KubeObject, ObjectMeta, ObjectRef, OwnerReference, Resource } from './resource.ts';
export { sameJson, StatusWriter } from './status-writer.ts';
export { Store } from './store.ts';
export type { IndexFunction, StoreHandler, StoreWriter } from './store.ts';
export { WorkQueue } from './work-queue.ts';
export type { WorkQueueMetrics, WorkQueueOptions } from './work-queue.ts';
