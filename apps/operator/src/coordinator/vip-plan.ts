import type { TailscaleEndpoints, TailscaleServices } from '@tsgateway/api';
import { vipServiceName } from '../status/services-status.ts';

/** Kept on a TailscaleServices until this operator has left its VIP service. */
export const VIP_FINALIZER = 'gateway.tailscale.com/vip-service';

/** Where the VIP service is that the object stands for, as JSON: the spec may since have come to name another. */
export const VIP_RECORD = 'gateway.tailscale.com/vip-service-record';

/** A VIP service of a tailnet (the name of a TailscaleTailnet). */
export interface VipTarget {
  readonly tailnet: string;
  readonly serviceName: string;
}

export interface VipPlan {
  /** To be left, before anything else. */
  readonly leave: VipTarget | undefined;
  /** To be there, and recorded first. */
  readonly want: VipTarget | undefined;
  /** Tailnets of selected endpoints other than that of `want`. */
  readonly otherTailnets: readonly string[];
  /** There should be one, but nothing says in which tailnet. */
  readonly tailnetUnknown: boolean;
}

export interface VipFacts {
  /** As stored. */
  readonly stored: TailscaleServices;
  /** The last valid version; undefined: there is none, or it is being deleted. */
  readonly good: TailscaleServices | undefined;
  readonly selected: readonly TailscaleEndpoints[];
}

/**
 * Which VIP service a TailscaleServices shall have. It belongs to the tailnet of the selected endpoints, the first by
 * name where they are in several; where none are selected to that of the template, else it stays where it is.
 */
export function vipPlan({ stored, good, selected }: VipFacts): VipPlan {
  const record = recordOf(stored);
  const nothing = { leave: undefined, want: undefined, otherTailnets: [], tailnetUnknown: false };
  if (stored.metadata.deletionTimestamp !== undefined) return { ...nothing, leave: record };
  // An object that is invalid now keeps what it has.
  if (good === undefined) return nothing;
  if (good.spec.vipService === undefined) return { ...nothing, leave: record };
  const tailnets = [...new Set(selected.map((e) => e.spec.tailnet))].sort();
  const tailnet = tailnets[0] ?? good.spec.endpointTemplate?.tailnet ?? record?.tailnet;
  if (tailnet === undefined) return { ...nothing, tailnetUnknown: true };
  const want = { tailnet, serviceName: vipServiceName(good) };
  const stays = record?.tailnet === want.tailnet && record.serviceName === want.serviceName;
  return { leave: stays ? undefined : record, want, otherTailnets: tailnets.slice(1), tailnetUnknown: false };
}

/** Undefined: none, or one that nobody here wrote. */
export function recordOf({ metadata }: Pick<TailscaleServices, 'metadata'>): VipTarget | undefined {
  const text = metadata.annotations?.[VIP_RECORD];
  if (text === undefined) return undefined;
  try {
    const { tailnet, serviceName } = JSON.parse(text) as Partial<VipTarget>;
    return typeof tailnet === 'string' && typeof serviceName === 'string' ? { tailnet, serviceName } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A merge patch of the metadata: the finalizer and the record for `target`, or neither. With the resourceVersion, so
 * that the list of finalizers is not written over. Undefined: it is so already.
 */
export function metadataPatch({ metadata }: TailscaleServices, target: VipTarget | undefined): object | undefined {
  const finalizers = metadata.finalizers ?? [];
  const has = finalizers.includes(VIP_FINALIZER);
  const text = target && JSON.stringify({ tailnet: target.tailnet, serviceName: target.serviceName });
  if (has === (target !== undefined) && metadata.annotations?.[VIP_RECORD] === text) return undefined;
  const others = finalizers.filter((f) => f !== VIP_FINALIZER);
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      finalizers: target === undefined ? others : [...others, VIP_FINALIZER],
      annotations: { [VIP_RECORD]: text ?? null },
    },
  };
}
