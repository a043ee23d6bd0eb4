import type { ProbeFailure } from '../threshold.ts';

/** Probes one target. */
export interface Prober {
  /** Undefined: success. Ends when the signal is aborted, which is the probe's deadline. Never throws. */
  probe(signal: AbortSignal): Promise<ProbeFailure | undefined>;
  close(): Promise<void>;
}
