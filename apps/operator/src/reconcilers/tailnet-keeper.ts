import { FINALIZER, type TailscaleServices, type TailscaleTailnet } from '@tsgateway/api';
import {
  isConflict,
  isNotFound,
  objectKey,
  type EventRecorder,
  type KubeClient,
  type Reconcile,
  type Store,
} from '@tsgateway/kube';
import { recordOf } from '../coordinator/vip-plan.ts';
import { tailnets } from '../resources.ts';
import { listed } from '../status/endpoints-status.ts';

/**
 * Keeps a TailscaleTailnet, by a finalizer, for as long as there are VIP services in it to be left: without it nobody
 * knows how. One that is deleted while in use waits for its users, and an Event says for whom.
 */
export function tailnetKeeper(options: {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly store: Pick<Store<TailscaleTailnet>, 'get'>;
  readonly services: Pick<Store<TailscaleServices>, 'list'>;
  readonly events: Pick<EventRecorder, 'record'>;
}): Reconcile {
  const { client, store, services, events } = options;
  return async (key, signal) => {
    const tailnet = store.get(key);
    if (tailnet === undefined) return undefined;
    const { metadata } = tailnet;
    const uses = (object: TailscaleServices): boolean => recordOf(object)?.tailnet === metadata.name;
    // Woken by every one of maybe thousands of users: the first one answers.
    const used = services.list().some(uses);
    if (used && metadata.deletionTimestamp !== undefined) {
      const users = services.list().filter(uses).map(objectKey).sort();
      events.record(tailnets, tailnet, {
        type: 'Warning',
        reason: 'InUse',
        action: 'Delete',
        note: `It is deleted once these TailscaleServices have left their VIP services: ${listed(users)}.`,
      });
    }
    const body = finalizerPatch(tailnet, used);
    if (body === undefined) return undefined;
    try {
      await client.patch(tailnets, metadata, { type: 'merge', body, signal });
    } catch (error) {
      // It has changed, an event will come.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    return undefined;
  };
}

/** Undefined: it is so already, or can no longer be so, as the API server takes no finalizer for what is being deleted. */
function finalizerPatch({ metadata }: TailscaleTailnet, used: boolean): object | undefined {
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes(FINALIZER) === used || (used && metadata.deletionTimestamp !== undefined)) return undefined;
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      finalizers: used ? [...finalizers, FINALIZER] : finalizers.filter((f) => f !== FINALIZER),
    },
  };
}
