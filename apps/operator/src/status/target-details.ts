/** What the checkers say about a target beyond healthy or not. */
export interface TargetDetails {
  readonly averageResponseTimeUs: number;
  readonly successiveSuccesses: number;
  readonly successiveFailures: number;
  /** Oldest first. */
  readonly recentFailures: readonly ProbeFailure[];
}

export interface ProbeFailure {
  readonly atMs: number;
  readonly errorType: string;
  readonly message: string;
  /** 0: none. */
  readonly statusCode: number;
}
