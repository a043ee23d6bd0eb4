import type { ProbeTarget } from '@tsgateway/model';
import type { ProbeFailure } from '../threshold.ts';
import { HttpProber } from './http-probe.ts';
import { TcpProber } from './tcp-probe.ts';
import { UdpProber } from './udp-probe.ts';

/** Probes one target. */
export interface Prober {
  /** Undefined: success. Ends when the signal is aborted, which is the probe's deadline. Never throws. */
  probe(signal: AbortSignal): Promise<ProbeFailure | undefined>;
  close(): Promise<void>;
}

export function proberFor(target: ProbeTarget): Prober {
  switch (target.protocol) {
    case 'HTTP':
    case 'HTTPS':
      return new HttpProber(target);
    case 'TCP':
      return new TcpProber(target);
    case 'UDP':
      return new UdpProber(target);
  }
}
