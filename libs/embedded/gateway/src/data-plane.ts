import type { Snapshot } from './snapshot.ts';

/** Requests to one endpoint of one cluster, as its data plane counts them. */
export interface BackendStats {
  readonly cluster: string;
  /** `host:port`. */
  readonly address: string;
  /** Attempts since the data plane knows the endpoint; a retry on another endpoint counts there too. */
  readonly requests: number;
  readonly active: number;
  /** Attempts that ended without an answer, or with 5xx. */
  readonly errors: number;
  /** Its EDS lets it have requests. */
  readonly inRotation: boolean;
  /** In rotation, and the data plane itself has nothing against it (Envoy's outlier detection). */
  readonly healthy: boolean;
}

/** What listens and forwards. */
export interface DataPlane {
  /**
   * Serves a snapshot from now on; requests in flight end as they began. Resolves when it is in effect.
   * @throws Error where it cannot be: what was served before still is.
   */
  apply(snapshot: Snapshot): Promise<void>;
  stats(): Promise<BackendStats[]>;
  /** No new requests; those in flight get a few seconds. */
  close(): Promise<void>;
}
