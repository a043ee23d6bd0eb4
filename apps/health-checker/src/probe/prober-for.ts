import type { ProbeTarget } from '@tsgateway/model';
import type { SocketLookup } from '@tsgateway/process';
import { HttpProber } from './http-probe.ts';
import type { Prober } from './prober.ts';
import { TcpProber } from './tcp-probe.ts';
import { UdpProber } from './udp-probe.ts';

/** The prober of a target, by its protocol. Names are looked up by `lookup`; default: by the system's resolver. */
export function proberFor(target: ProbeTarget, lookup?: SocketLookup): Prober {
  switch (target.protocol) {
    case 'HTTP':
    case 'HTTPS':
      return new HttpProber(target, lookup);
    case 'TCP':
      return new TcpProber(target, lookup);
    case 'UDP':
      return new UdpProber(target, lookup);
  }
}
