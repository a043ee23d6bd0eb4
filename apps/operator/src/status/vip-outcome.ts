/** What came of the last attempt to have a VIP service. */
export type VipOutcome =
  | {
      readonly kind: 'ensured';
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
  | {
      readonly kind: 'failed';
      readonly reason: 'TailnetUnknown' | 'VIPServiceFailed' | 'CoordinatorUnreachable' | 'Unsupported' | 'Pending';
      readonly message: string;
    };
