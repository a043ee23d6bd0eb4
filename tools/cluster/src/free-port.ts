import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below the ports that the kernel gives to outgoing connections: one of those must not take the port of an API server that is away for
// a while. Also below the NodePorts.
const from = 20_000;
const to = 30_000;
const attempts = 50;

/** Ports of loopback that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let i = 0; ports.size < count; i++) {
    if (i === attempts) throw new Error(`no ${count} free ports among ${from}-${to}`);
    const port = randomInt(from, to);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
