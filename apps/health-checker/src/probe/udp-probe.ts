import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { ProbeTarget } from '@tsgateway/model';
import type { SocketLookup } from '@tsgateway/process';
import type { ProbeFailure } from '../threshold.ts';
import { failureOf } from './failure.ts';
import type { Prober } from './prober.ts';

/**
 * Sends an empty datagram. UDP has no answer to wait for: only the host's word that nobody listens there (ICMP port
 * unreachable) is a failure; an answer or silence until the deadline is a success.
 */
export class UdpProber implements Prober {
  readonly #target: ProbeTarget;
  readonly #lookup: SocketLookup | undefined;

  constructor(target: ProbeTarget, lookup?: SocketLookup) {
    this.#target = target;
    this.#lookup = lookup;
  }

  probe(signal: AbortSignal): Promise<ProbeFailure | undefined> {
    const { host, port } = this.#target;
    const socket = createSocket({
      type: isIPv6(host) ? 'udp6' : 'udp4',
      ...(this.#lookup && { lookup: this.#lookup }),
    });
    return new Promise((resolve) => {
      let ended = false;
      const end = (failure?: ProbeFailure) => {
        if (ended) return;
        ended = true;
        signal.removeEventListener('abort', silence);
        socket.close();
        resolve(failure);
      };
      const silence = () => end();
      const failed = (error: Error) => {
        const failure = failureOf(error);
        end(failure.errorType === 'TCPError' ? { ...failure, errorType: 'UDPError' } : failure);
      };
      if (signal.aborted) return end();
      signal.addEventListener('abort', silence, { once: true });
      socket.on('error', failed);
      socket.once('message', () => end());
      // A connected socket is told of ICMP errors. Without a callback a name that does not resolve is an 'error'.
      socket.once('connect', () => socket.send(Buffer.alloc(0)));
      socket.connect(port, host);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
