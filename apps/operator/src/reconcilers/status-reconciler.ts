import type { Condition } from '@tsgateway/api';
import {
  StatusWriter,
  type EventRecorder,
  type KubeClient,
  type KubeObject,
  type Reconcile,
  type Resource,
  type Store,
} from '@tsgateway/kube';
import { recordTransitions } from './transition-events.ts';

type WithStatus = KubeObject & { status?: { conditions?: Condition[] | undefined } | undefined };

/** A decided status, and when to look again although nothing happens. */
export interface Decision<S> {
  readonly status: S;
  readonly requeueAfterMs?: number | undefined;
  /** Thrown after the status has been written, so that the key backs off. */
  readonly failure?: Error | undefined;
}

export interface StatusReconcilerOptions<T extends WithStatus> {
  readonly client: Pick<KubeClient, 'applyStatus'>;
  readonly resource: Resource<T>;
  readonly store: Pick<Store<T>, 'get'>;
  readonly fieldManager: string;
  readonly events: Pick<EventRecorder, 'record'>;
  /** Gathers and decides. `object.status` is the newest one known. */
  readonly decide: (object: T, signal: AbortSignal) => Promise<Decision<NonNullable<T['status']>>>;
  /** The object is gone. */
  readonly forget?: (key: string) => void;
}

/** A reconciler whose only act is a status: gather, decide, apply where it differs. */
export function statusReconciler<T extends WithStatus>(options: StatusReconcilerOptions<T>): Reconcile {
  const { client, resource, store, fieldManager, events, decide, forget } = options;
  const writer = new StatusWriter({ client, resource, fieldManager });
  return async (key, signal) => {
    const cached = store.get(key);
    if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) {
      writer.forget(key);
      if (cached === undefined) forget?.(key);
      return undefined;
    }
    const object = writer.newest(cached);
    const { status, requeueAfterMs, failure } = await decide(object, signal);
    const written = await writer.applyIfChanged(object, status, { signal });
    if (written) {
      recordTransitions({ events, resource, object, before: object.status?.conditions, after: status.conditions });
    }
    if (failure) throw failure;
    return { requeueAfterMs };
  };
}
