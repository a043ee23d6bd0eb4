import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';

/** @throws Error that names every port that somebody else listens on, and who wants it */
export async function requireFree(ports: readonly number[], by: string): Promise<void> {
  const tried = await Promise.all(ports.map(async (port) => ((await canListen(port)) ? undefined : port)));
  const taken = tried.filter((port) => port !== undefined);
  if (taken.length > 0) {
    throw new Error(`${by} has fixed ports, and something listens on ${taken.join(', ')} already: stop it first`);
  }
}

/**
 * This machine's address on its first network: pods and endpoints of Services cannot be on loopback.
 * @throws Error where it has none
 */
export function machineAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const found = all.find((a) => a.family === 'IPv4' && !a.internal);
  if (!found) throw new Error('this machine has no IPv4 address besides loopback: pods need one');
  return found.address;
}

async function canListen(port: number): Promise<boolean> {
  try {
    // Without a host: whoever listens on one address of this machine is noticed, too.
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

function listen(port: number, host?: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host }, () => resolve(server));
  });
}
