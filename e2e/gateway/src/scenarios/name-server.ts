import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

const typeA = 1;
const noSuchName = 3;
const headerBytes = 12;

/** A name server for IPv4 addresses. What it answers is not to be kept: its time to live is 0. */
export class NameServer {
  /** Names with their addresses; those in `silent` are never answered, as if this server were away; others do not exist. */
  readonly names = new Map<string, readonly string[]>();
  readonly silent = new Set<string>();
  readonly #socket: Socket;

  /** At port 53, which is where resolvers ask. */
  static async open(address: string): Promise<NameServer> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(53, address, resolve);
    });
    return new NameServer(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (query, from) => this.#answer(query, from));
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(query: Buffer, { address, port }: RemoteInfo): void {
    const { name, end } = questionOf(query);
    if (this.silent.has(name)) return;
    const known = this.names.get(name);
    const found = query.readUInt16BE(end - 4) === typeA ? (known ?? []) : [];
    const header = Buffer.alloc(headerBytes);
    query.copy(header, 0, 0, 2); // the id
    header.writeUInt16BE(0x8580 | (known ? 0 : noSuchName), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    const answers = found.map((ip) =>
      // The name as in the question, type A, class IN, time to live 0, four bytes.
      Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4, ...ip.split('.').map(Number)]),
    );
    this.#socket.send(Buffer.concat([header, query.subarray(headerBytes, end), ...answers]), port, address);
  }
}

/** The name that is asked for, and where the question ends. */
function questionOf(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 5 };
}
