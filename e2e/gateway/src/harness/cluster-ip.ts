import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What kube-proxy does for a Service: one address, behind it several. A new connection goes to the next of those that
 * listen; open ones stay where they are, and end with what they go to.
 */
export class ClusterIp {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  /** Listens on loopback. */
  static async open(targets: readonly number[]): Promise<ClusterIp> {
    const sockets = new Set<Socket>();
    let turn = 0;
    const server = createServer((client) => {
      const first = turn++;
      const order = targets.map((_, i) => targets[(first + i) % targets.length] ?? 0);
      join(client, order, sockets);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new ClusterIp(server, sockets);
  }

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as { port: number }).port;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function join(client: Socket, [port, ...others]: readonly number[], sockets: Set<Socket>): void {
  if (port === undefined) {
    client.resetAndDestroy();
    return;
  }
  const target = connect({ host: '127.0.0.1', port, noDelay: true });
  const refused = () => join(client, others, sockets);
  target.once('error', refused);
  target.once('connect', () => {
    target.off('error', refused);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
}
