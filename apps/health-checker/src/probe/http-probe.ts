import type { ProbeTarget } from '@tsgateway/model';
import type { SocketLookup } from '@tsgateway/process';
import { errors, Pool } from 'undici';
import type { ProbeFailure } from '../threshold.ts';
import { failureOf } from './failure.ts';
import type { Prober } from './prober.ts';

const maxBodyBytes = 64 * 1024;

/**
 * GET of the target's path; any answer from 200 to 399 is a success, redirects are not followed. The connection is
 * kept alive between probes. HTTPS is verified against the CAs that Node trusts, by the target's hostname, which is
 * also what SNI and the Host header say.
 */
export class HttpProber implements Prober {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #headers: Record<string, string>;

  constructor(target: ProbeTarget, lookup?: SocketLookup) {
    const scheme = target.protocol === 'HTTPS' ? 'https' : 'http';
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    this.#pool = new Pool(`${scheme}://${host}:${target.port}`, {
      connections: 1,
      connect: {
        timeout: target.timeoutMs,
        ...(target.hostname === undefined ? {} : { servername: target.hostname }),
        ...(lookup && { lookup }),
      },
      headersTimeout: target.timeoutMs,
      bodyTimeout: target.timeoutMs,
    });
    this.#path = target.path;
    this.#headers = {
      'user-agent': 'tailscale-gateway-health-checker',
      ...(target.hostname === undefined ? {} : { host: target.hostname }),
    };
  }

  async probe(signal: AbortSignal): Promise<ProbeFailure | undefined> {
    try {
      const status = await this.#get(signal).catch((error: unknown) => {
        // A kept connection that the server closed in the same moment says nothing about the server.
        if (!(error instanceof errors.SocketError) && (error as NodeJS.ErrnoException).code !== 'ECONNRESET')
          throw error;
        return this.#get(signal);
      });
      if (status >= 200 && status < 400) return undefined;
      return { errorType: 'HTTPError', message: `GET ${this.#path} answered ${status}`, statusCode: status };
    } catch (error) {
      return failureOf(error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #get(signal: AbortSignal): Promise<number> {
    const answer = await this.#pool.request({ method: 'GET', path: this.#path, headers: this.#headers, signal });
    await answer.body.dump({ limit: maxBodyBytes, signal });
    return answer.statusCode;
  }
}
