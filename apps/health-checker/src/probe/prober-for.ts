import type { ProbeTarget } from '@tsgateway/model';
import { HttpProber } from './http-probe.ts';
import type { Prober } from './prober.ts';
import { TcpProber } from './tcp-probe.ts';
import { UdpProber } from './udp-probe.ts';

/** The prober of a target, by its protocol. */
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
