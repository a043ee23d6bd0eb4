import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What a backend was asked. */
export interface Recorded {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** What the client called the server in its TLS handshake. */
  readonly servername: string | undefined;
}

export interface RecorderOptions {
  readonly host?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A backend in the test's own process, which remembers what it was asked, probes left out. It says its name in `x-backend`. */
export class Recorder {
  readonly name: string;
  readonly #server: Server;
  /** Oldest first; a test may empty it. */
  readonly requests: Recorded[] = [];
  /** What it does with requests; probes always succeed at once. */
  status = 200;
  latencyMs = 0;

  static async start(name: string, { host = '127.0.0.1', tls }: RecorderOptions = {}): Promise<Recorder> {
    const recorder = new Recorder(name, tls);
    await new Promise<void>((resolve, reject) => {
      recorder.#server.once('error', reject);
      recorder.#server.listen(0, host, resolve);
    });
    return recorder;
  }

  private constructor(name: string, tls: RecorderOptions['tls']) {
    this.name = name;
    this.#server = tls === undefined ? createServer() : createTlsServer(tls);
    this.#server.keepAliveTimeout = 600_000;
    this.#server.on('request', (request, response) => {
      request.resume();
      const { url = '', headers, socket } = request;
      const probe = headers['user-agent'] === 'tailscale-gateway-health-checker';
      if (!probe) this.requests.push({ path: url, headers, servername: servernameOf(socket) });
      const answer = () => {
        response.writeHead(probe ? 200 : this.status, { 'x-backend': name, 'x-from-backend': 'yes' });
        response.end(name);
      };
      if (probe || this.latencyMs === 0) answer();
      else setTimeout(answer, this.latencyMs);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `host:port` */
  get address(): string {
    return `${(this.#server.address() as AddressInfo).address}:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function servernameOf(socket: object): string | undefined {
  const { servername } = socket as Partial<Pick<TLSSocket & { servername: string | false }, 'servername'>>;
  return servername === false || servername === undefined ? undefined : servername;
}
