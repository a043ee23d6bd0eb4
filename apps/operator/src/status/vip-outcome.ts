import type { WantedVipService } from '../coordinator/wanted-vip-service.ts';

/** What came of the last attempt to have a VIP service. */
export type VipOutcome =
  | {
      readonly kind: 'ensured';
      /** What was asked for: the spec may want something else by now. */
      readonly wanted: WantedVipService;
      readonly tailnet: string;
      /** Tailnets of selected endpoints that the VIP service is not in. */
      readonly otherTailnets: readonly string[];
      readonly serviceName: string;
      readonly tags: readonly string[];
      readonly addresses: readonly string[];
      readonly dnsName: string;
      readonly ownerOperator: string;
      readonly isOwner: boolean;
      readonly consumerOperators: readonly string[];
      readonly registryKey: string;
      readonly specConflicts: readonly string[];
    }
  | { readonly kind: 'failed'; readonly reason: VipFailure; readonly message: string };

/** Reasons of the condition `Programmed`. */
export type VipFailure =
  | 'TailnetUnknown'
  | 'VIPServiceFailed'
  | 'CoordinatorUnreachable'
  | 'TailnetUnreachable'
  | 'RateLimited'
  | 'Unsupported';

/** Failures that pass by themselves, and say nothing about a VIP service that is there already. */
export const PASSING_VIP_FAILURES: ReadonlySet<VipFailure> = new Set([
  'CoordinatorUnreachable',
  'TailnetUnreachable',
  'RateLimited',
]);
