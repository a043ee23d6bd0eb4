/** Every reason that this gateway writes, by condition type: Gateway API's own words. */
export const REASONS = {
  Accepted: {
    true: 'Accepted',
    unsupportedProtocol: 'UnsupportedProtocol',
    listenersNotValid: 'ListenersNotValid',
    noMatchingParent: 'NoMatchingParent',
    notAllowedByListeners: 'NotAllowedByListeners',
    noMatchingListenerHostname: 'NoMatchingListenerHostname',
    unsupportedValue: 'UnsupportedValue',
  },
  Programmed: { true: 'Programmed', invalid: 'Invalid', pending: 'Pending' },
  ResolvedRefs: {
    true: 'ResolvedRefs',
    invalidRouteKinds: 'InvalidRouteKinds',
    invalidKind: 'InvalidKind',
    backendNotFound: 'BackendNotFound',
    refNotPermitted: 'RefNotPermitted',
  },
  BackendsAvailable: { endpointsNotFound: 'EndpointsNotFound' },
  Conflicted: { none: 'NoConflicts', hostname: 'HostnameConflict' },
} as const;

type ReasonsOf = { [T in keyof typeof REASONS]: (typeof REASONS)[T][keyof (typeof REASONS)[T]] };

/** A condition as it is wanted: without its time, which only the writer knows. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

/** Makes a condition with a reason of the table above. */
export function condition<T extends keyof typeof REASONS>(
  type: T,
  status: boolean,
  about: { reason: ReasonsOf[T]; message: string; generation: number },
): Condition {
  return {
    type,
    status: status ? 'True' : 'False',
    reason: about.reason,
    message: about.message,
    observedGeneration: about.generation,
  };
}
