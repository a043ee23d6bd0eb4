import type { TailscaleServices, TailscaleTailnet } from '@tsgateway/api';
import {
  isConflict,
  isNotFound,
  objectKey,
  type EventRecorder,
  type KubeClient,
  type Reconcile,
  type Store,
} from '@tsgateway/kube';
import type { EnsureResponse } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import type { MeshCatalog } from '../catalog/mesh-catalog.ts';
import { CoordinatorError, tailnetRef, type Coordinator } from '../coordinator/coordinator.ts';
import { metadataPatch, vipPlan, type VipPlan, type VipTarget } from '../coordinator/vip-plan.ts';
import type { VipOutcome } from '../status/vip-outcome.ts';
import { services } from '../resources.ts';

export interface VipReconcilerOptions {
  readonly client: Pick<KubeClient, 'patch'>;
  readonly store: Pick<Store<TailscaleServices>, 'get'>;
  readonly tailnets: Pick<Store<TailscaleTailnet>, 'get'>;
  readonly catalog: MeshCatalog;
  readonly coordinator: Pick<Coordinator, 'ensure' | 'detach'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly operatorId: string;
  readonly operatorNamespace: string;
  /** Written here, read by the reconciler of statuses. */
  readonly vips: Map<string, VipOutcome>;
  /** An outcome is another than before. */
  readonly onOutcome: (key: string) => void;
  readonly now: () => number;
  /** 0 <= x < 1. */
  readonly random: () => number;
}

/** How long an answer stands without asking again; then the coordinator asserts the VIP service anew. */
const REASSERT_MS = 5 * 60_000;

type Wanting = VipPlan & { readonly want: NonNullable<VipPlan['want']> };

interface Ensured {
  readonly request: string;
  readonly atMs: number;
  readonly outcome: VipOutcome;
}

/**
 * Makes a TailscaleServices have its VIP service, and leave it at its end. Apart from the statuses, as the tailnet may
 * be slow and a status must not be.
 */
export function vipReconciler(options: VipReconcilerOptions): Reconcile {
  const { client, store, tailnets, catalog, coordinator, events, operatorId, operatorNamespace, vips, now } = options;
  const ensured = new Map<string, Ensured>();

  const set = (key: string, outcome: VipOutcome | undefined): void => {
    if (JSON.stringify(vips.get(key)) === JSON.stringify(outcome)) return;
    if (outcome === undefined) vips.delete(key);
    else vips.set(key, outcome);
    options.onOutcome(key);
  };

  const leave = async (
    object: TailscaleServices,
    { target, signal }: { target: VipTarget; signal: AbortSignal },
  ): Promise<void> => {
    const tailnet = tailnets.get(target.tailnet);
    if (tailnet === undefined) {
      events.record(services, object, {
        type: 'Warning',
        reason: 'VIPServiceAbandoned',
        action: 'Detach',
        note: `TailscaleTailnet ${target.tailnet} is gone, and with it the way to leave ${target.serviceName}.`,
      });
      return;
    }
    const { serviceName } = target;
    const request = {
      tailnet: tailnetRef(tailnet, operatorNamespace),
      operatorId,
      consumer: consumerOf(object),
      serviceName,
    };
    try {
      await coordinator.detach(request, signal);
    } catch (error) {
      if (error instanceof CoordinatorError) {
        events.record(services, object, {
          type: 'Warning',
          reason: 'VIPServiceNotLeft',
          action: 'Detach',
          note: `${serviceName} is not left yet, and tried again: ${error.message}`,
        });
      }
      throw error;
    }
  };

  /** Writes finalizer and record. False: the object has changed meanwhile, an event will come. */
  const record = async (
    object: TailscaleServices,
    { target, signal }: { target: VipTarget | undefined; signal: AbortSignal },
  ): Promise<boolean> => {
    const body = metadataPatch(object, target);
    if (body === undefined) return true;
    try {
      await client.patch(services, object.metadata, { type: 'merge', body, signal });
      return true;
    } catch (error) {
      if (isConflict(error) || (isNotFound(error) && target === undefined)) return false;
      throw error;
    }
  };

  const ensure = async (
    object: TailscaleServices,
    { plan, signal }: { plan: Wanting; signal: AbortSignal },
  ): Promise<VipOutcome> => {
    const key = objectKey(object);
    const tailnet = tailnets.get(plan.want.tailnet);
    if (tailnet === undefined) {
      return {
        kind: 'failed',
        reason: 'TailnetUnknown',
        message: `There is no TailscaleTailnet "${plan.want.tailnet}".`,
      };
    }
    const request = {
      tailnet: tailnetRef(tailnet, operatorNamespace),
      operatorId,
      consumer: consumerOf(object),
      ...plan.want.wanted,
      attachOnly: false,
    };
    const asked = JSON.stringify([request, tailnet.metadata.generation, plan.otherTailnets]);
    const known = ensured.get(key);
    if (known?.request === asked && now() - known.atMs < REASSERT_MS) return known.outcome;
    const outcome = outcomeOf(await coordinator.ensure(request, signal), { plan, operatorId });
    ensured.set(key, { request: asked, atMs: now(), outcome });
    return outcome;
  };

  return async (key, signal) => {
    const stored = store.get(key);
    if (stored === undefined) {
      ensured.delete(key);
      vips.delete(key);
      return undefined;
    }
    const good = catalog.goodServices(key);
    const plan = vipPlan({ stored, good, selected: catalog.selectedBy(key) });
    try {
      if (plan.leave) {
        await leave(stored, { target: plan.leave, signal });
        ensured.delete(key);
      }
      const keep = good === undefined && stored.metadata.deletionTimestamp === undefined;
      if (plan.tailnetUnknown) {
        set(key, { kind: 'failed', reason: 'TailnetUnknown', message: TAILNET_UNKNOWN });
        return undefined;
      }
      if (keep) return undefined;
      if (!(await record(stored, { target: plan.want, signal }))) return undefined;
      if (plan.want === undefined || good === undefined) {
        set(key, undefined);
        return undefined;
      }
      const outcome = await ensure(good, { plan: { ...plan, want: plan.want }, signal });
      set(key, outcome);
      // A tailnet that does not exist comes as an event.
      return outcome.kind === 'ensured' ? { requeueAfterMs: REASSERT_MS * (1 + options.random() / 2) } : undefined;
    } catch (error) {
      if (!(error instanceof CoordinatorError)) throw error;
      set(key, { kind: 'failed', reason: error.reason, message: error.message });
      if (error.retryAfterMs === undefined) throw error;
      return { requeueAfterMs: error.retryAfterMs * (1 + options.random() / 10) };
    }
  };
}

const TAILNET_UNKNOWN =
  'No endpoints are selected that say which tailnet the VIP service belongs to, and there is no endpointTemplate.tailnet.';

const consumerOf = ({ metadata }: TailscaleServices): string =>
  `TailscaleServices/${metadata.namespace ?? ''}/${metadata.name}`;

function outcomeOf(response: EnsureResponse, { plan, operatorId }: { plan: Wanting; operatorId: string }): VipOutcome {
  return {
    kind: 'ensured',
    wanted: plan.want.wanted,
    tailnet: plan.want.tailnet,
    otherTailnets: plan.otherTailnets,
    serviceName: response.service?.name ?? plan.want.serviceName,
    tags: response.service?.tags ?? [],
    addresses: response.addresses,
    dnsName: response.dnsName,
    ownerOperator: response.ownerOperator,
    isOwner: response.ownerOperator === operatorId,
    consumerOperators: response.consumerOperators,
    registryKey: response.registryKey,
    specConflicts: response.specConflicts,
  };
}
