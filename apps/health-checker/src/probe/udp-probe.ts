import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ProbeTarget } from '@tsgateway/model';
import type { ProbeFailure } from '../threshold.ts';
import { failureOf } from './failure.ts';
import type { Prober } from './prober.ts';

/**
 * Sends an empty datagram. UDP has no answer to wait for: only the host's word that nobody listens there (ICMP port
 * unreachable) is a failure; an answer or silence until the deadline is a success.
 */
export class UdpProber implements Prober {
  readonly #target: ProbeTarget;

  constructor(target: ProbeTarget) {
    this.#target = target;
  }

  probe(signal: AbortSignal): Promise<ProbeFailure | undefined> {
    const { host, port } = this.#target;
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    return new Promise((resolve) => {
      const end = (failure?: ProbeFailure) => {
        signal.removeEventListener('abort', silence);
        socket.close();
        resolve(failure);
      };
      const silence = () => end();
      const failed = (error: Error) => {
        const failure = failureOf(error);
        end(failure.errorType === 'TCPError' ? { ...failure, errorType: 'UDPError' } : failure);
      };
      signal.addEventListener('abort', silence, { once: true });
      socket.once('error', failed);
      socket.once('message', () => end());
      // A connected socket is told of ICMP errors.
      socket.connect(port, host, () => socket.send(Buffer.alloc(0)));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
