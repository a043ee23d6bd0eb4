import { connect } from 'node:net';
import type { ProbeTarget } from '@tsgateway/model';
import type { SocketLookup } from '@tsgateway/process';
import type { ProbeFailure } from '../threshold.ts';
import { failureOf } from './failure.ts';
import type { Prober } from './prober.ts';

/** A connection that opens is a success; it is reset at once, so that nothing lingers. */
export class TcpProber implements Prober {
  readonly #target: ProbeTarget;
  readonly #lookup: SocketLookup | undefined;

  constructor(target: ProbeTarget, lookup?: SocketLookup) {
    this.#target = target;
    this.#lookup = lookup;
  }

  probe(signal: AbortSignal): Promise<ProbeFailure | undefined> {
    const { host, port } = this.#target;
    return new Promise((resolve) => {
      const socket = connect({ host, port, signal, ...(this.#lookup && { lookup: this.#lookup }) });
      const end = (failure?: ProbeFailure) => {
        socket.destroy();
        resolve(failure);
      };
      socket.once('connect', () => end());
      socket.on('error', (error) => end(failureOf(error)));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
