import { annotations, FINALIZER, type TailscaleEndpoints, type TailscaleServices } from '@tsgateway/api';
import { wantedVipService, type WantedVipService } from './wanted-vip-service.ts';

const RECORD = annotations.vipServiceRecord;

/** A VIP service of a tailnet (the name of a TailscaleTailnet). */
export interface VipTarget {
  readonly tailnet: string;
  readonly serviceName: string;
}

export interface VipPlan {
  /** To be left, before anything else. */
  readonly leave: VipTarget | undefined;
  /** To be there, and recorded first. */
  readonly want: (VipTarget & { readonly wanted: WantedVipService }) | undefined;
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
 * Which VIP service a TailscaleServices shall have. It belongs to the tailnet of the selected endpoints: where they are
 * in several it stays in the one it is in, else it is in the first by name. Where none are selected it belongs to that
 * of the template, else it stays where it is.
 */
export function vipPlan({ stored, good, selected }: VipFacts): VipPlan {
  const record = recordOf(stored);
  const nothing = { leave: undefined, want: undefined, otherTailnets: [], tailnetUnknown: false };
  if (stored.metadata.deletionTimestamp !== undefined) return { ...nothing, leave: record };
  // An object that is invalid now keeps what it has.
  if (good === undefined) return nothing;
  const wanted = wantedVipService(good);
  if (wanted === undefined) return { ...nothing, leave: record };
  const tailnets = [...new Set(selected.map((e) => e.spec.tailnet))].sort();
  // Its addresses are of its tailnet: endpoints that come along in another are no reason to change them.
  const present = tailnets.find((tailnet) => tailnet === record?.tailnet);
  const tailnet = present ?? tailnets[0] ?? good.spec.endpointTemplate?.tailnet ?? record?.tailnet;
  if (tailnet === undefined) return { ...nothing, tailnetUnknown: true };
  const want = { tailnet, serviceName: wanted.service.name, wanted };
  const stays = record?.tailnet === want.tailnet && record.serviceName === want.serviceName;
  return {
    leave: stays ? undefined : record,
    want,
    otherTailnets: tailnets.filter((t) => t !== tailnet),
    tailnetUnknown: false,
  };
}

/** Undefined: none, or one that nobody here wrote. */
export function recordOf({ metadata }: Pick<TailscaleServices, 'metadata'>): VipTarget | undefined {
  const text = metadata.annotations?.[RECORD];
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
  const has = finalizers.includes(FINALIZER);
  const text = target && JSON.stringify({ tailnet: target.tailnet, serviceName: target.serviceName });
  if (has === (target !== undefined) && metadata.annotations?.[RECORD] === text) return undefined;
  const others = finalizers.filter((f) => f !== FINALIZER);
  return {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      finalizers: target === undefined ? others : [...others, FINALIZER],
      annotations: { [RECORD]: text ?? null },
    },
  };
}
