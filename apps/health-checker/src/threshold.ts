import type { Probe, Transition } from '@tsgateway/model';

/** Why a probe failed (TailscaleEndpoints `status.endpointStatus[].healthCheckDetails.recentFailures[].errorType`). */
export type ErrorType =
  'Timeout' | 'ConnectionRefused' | 'DNSResolution' | 'HTTPError' | 'TCPError' | 'UDPError' | 'TLSError' | 'Unknown';

export interface ProbeFailure {
  readonly errorType: ErrorType;
  readonly message: string;
  /** HTTP only. */
  readonly statusCode?: number | undefined;
}

export interface ProbeResult {
  /** Unix ms at which it was known. */
  readonly atMs: number;
  readonly durationMs: number;
  /** Undefined: it succeeded. */
  readonly failure?: ProbeFailure | undefined;
}

/** What is known of one target. */
export interface TargetState {
  /** Undefined until a first success, or as many failures as make a target unhealthy. */
  readonly healthy?: boolean | undefined;
  /** Unix ms since when `healthy` is known. */
  readonly observedSinceMs?: number | undefined;
  /** Oldest first; the first observation is none. */
  readonly transitions: readonly Transition[];
  readonly successes: number;
  readonly failures: number;
  readonly recentFailures: readonly (ProbeFailure & { readonly atMs: number })[];
  /** Moving average over about the last ten probes that succeeded. */
  readonly averageMs: number;
}

export const unknownState: TargetState = {
  transitions: [],
  successes: 0,
  failures: 0,
  recentFailures: [],
  averageMs: 0,
};

const keptFailures = 5;
/** Kept however old they are: what a status shows. */
const keptTransitions = 4;
/** Bounds the history of a target that flaps. */
const maxTransitions = 256;

/**
 * The state after one more result. A target turns unhealthy after `unhealthyThreshold` successive failures and healthy
 * after `healthyThreshold` successive successes; one of which nothing is known is healthy at its first success.
 * Transitions are kept for `historyMs`.
 */
export function observe(
  state: TargetState,
  result: ProbeResult,
  target: Pick<Probe, 'healthyThreshold' | 'unhealthyThreshold'> & { readonly historyMs: number },
): TargetState {
  const { atMs, failure } = result;
  const successes = failure ? 0 : state.successes + 1;
  const failures = failure ? state.failures + 1 : 0;
  const enough = failure ? failures >= target.unhealthyThreshold : successes >= target.healthyThreshold;
  const healthy = enough || (!failure && state.healthy === undefined) ? !failure : state.healthy;
  const turned = state.healthy !== undefined && healthy !== undefined && healthy !== state.healthy;
  const transitions = turned ? [...state.transitions, { atMs, healthy }] : state.transitions;
  return {
    healthy,
    observedSinceMs: state.observedSinceMs ?? (healthy === undefined ? undefined : atMs),
    transitions: trim(transitions, atMs - target.historyMs),
    successes,
    failures,
    recentFailures: failure
      ? [...state.recentFailures, { ...failure, atMs }].slice(-keptFailures)
      : state.recentFailures,
    averageMs: failure ? state.averageMs : average(state.averageMs, result.durationMs),
  };
}

function trim(transitions: readonly Transition[], sinceMs: number): readonly Transition[] {
  const first = transitions.findIndex((t) => t.atMs > sinceMs);
  const old = first === -1 ? transitions.length : first;
  const from = Math.max(Math.min(old, transitions.length - keptTransitions), transitions.length - maxTransitions, 0);
  return from === 0 ? transitions : transitions.slice(from);
}

const average = (before: number, now: number): number => (before === 0 ? now : before + (now - before) / 10);
