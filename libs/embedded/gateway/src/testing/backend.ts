import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An HTTP server that answers with its name, and that can be killed as a process is: all sockets at once. */
export class TestBackend {
  readonly name: string;
  requests = 0;
  /** Requests that were being answered when it was killed. */
  lost = 0;
  #busy = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(name: string, handler: Handler = (_request, response) => response.end(name)) {
    this.name = name;
    this.#server = createServer((request, response) => {
      this.requests++;
      this.#busy++;
      response.on('close', () => this.#busy--);
      handler(request, response);
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.port;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get server(): Server {
    return this.#server;
  }

  kill(): void {
    this.lost = this.#busy;
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
