import type { TailscaleTailnet } from '@tsgateway/api';
import { checked } from '../catalog/checked.ts';
import { RemoteFailure, tailnetRef, type Coordinator } from '../coordinator/coordinator.ts';
import { tailnetStatus } from '../status/tailnet-status.ts';
import type { Decision } from './status-reconciler.ts';

/** Devices come and go without any event here. */
const LOOK_AGAIN_MS = 60_000;

/** Decides the status of a TailscaleTailnet: what its control plane says through the coordinator. */
export function decideTailnet(options: {
  readonly coordinator: Pick<Coordinator, 'describe'>;
  readonly operatorNamespace: string;
  readonly now: () => number;
}) {
  const { coordinator, operatorNamespace, now } = options;
  return async (
    object: TailscaleTailnet,
    signal: AbortSignal,
  ): Promise<Decision<NonNullable<TailscaleTailnet['status']>>> => {
    const result = checked('TailscaleTailnet', object);
    const outcome = result.ok
      ? await coordinator.describe(tailnetRef(result.object, operatorNamespace), signal)
      : undefined;
    const status = tailnetStatus({
      generation: object.metadata.generation ?? 0,
      previous: object.status,
      invalid: result.ok ? undefined : result.problem.message,
      outcome,
      nowMs: now(),
    });
    if (outcome?.ok !== false) return { status, requeueAfterMs: result.ok ? LOOK_AGAIN_MS : undefined };
    const { reason, message, retryAfterMs } = outcome;
    return retryAfterMs === undefined
      ? { status, failure: new RemoteFailure(`${reason}: ${message}`) }
      : { status, requeueAfterMs: retryAfterMs };
  };
}
