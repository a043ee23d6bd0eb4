import type { Condition } from '@tsgateway/api';
import type { EventRecorder, KubeObject, Resource } from '@tsgateway/kube';

/**
 * An Event for each condition that became another than it was. That a new object is as it should be is told once, by
 * `Ready`.
 */
export function recordTransitions<T extends KubeObject>(options: {
  readonly events: Pick<EventRecorder, 'record'>;
  readonly resource: Resource<T>;
  readonly object: T;
  readonly before: readonly Condition[] | undefined;
  readonly after: readonly Condition[] | undefined;
}): void {
  const { events, resource, object, before, after } = options;
  for (const condition of after ?? []) {
    const old = before?.find((c) => c.type === condition.type);
    if (condition.status === 'Unknown' || (old?.status === condition.status && old.reason === condition.reason))
      continue;
    if (old === undefined && condition.status === 'True' && condition.type !== 'Ready') continue;
    events.record(resource, object, {
      type: condition.status === 'True' ? 'Normal' : 'Warning',
      reason: condition.reason,
      action: `Set${condition.type}`,
      note: condition.message,
    });
  }
}
