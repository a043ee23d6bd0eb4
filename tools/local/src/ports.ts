import { createServer } from 'node:net';
import { UsageError } from './options.ts';

/** @throws UsageError that says who wanted the port and what to do, when somebody else listens there. */
export async function requireFree(port: number, wanted: { by: string; fix: string }): Promise<void> {
  const error = await tryListen(port);
  if (!error) return;
  const why = error === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${error})`;
  throw new UsageError(`port ${port}, for ${wanted.by}, ${why}: ${wanted.fix}`);
}

/**
 * Ports for the parts: the documented one where it is free, else (and for 0) any free one. All different, and none of
 * those that others are about to listen on.
 */
export async function choosePorts<Name extends string>(
  documented: Record<Name, number>,
  reserved: readonly number[] = [],
): Promise<Record<Name, number>> {
  const chosen = {} as Record<Name, number>;
  const taken = new Set(reserved);
  for (const [name, port] of Object.entries(documented) as [Name, number][]) {
    const free = port !== 0 && !taken.has(port) && (await tryListen(port)) === undefined;
    chosen[name] = free ? port : await anyFreePort(taken);
    taken.add(chosen[name]);
  }
  return chosen;
}

function tryListen(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}

function anyFreePort(taken: ReadonlySet<number>): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => (taken.has(port) ? resolve(anyFreePort(taken)) : resolve(port)));
    });
  });
}
