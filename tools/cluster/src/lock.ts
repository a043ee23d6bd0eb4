import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dieWithParent } from './process.ts';

/**
 * Runs `work` while no other process on this machine holds the lock. The kernel holds it (flock), so it is free again however its
 * holder ends, and never stale.
 * @param onWait called once, when somebody else has it
 */
export async function withLock<T>(
  file: string,
  { onWait, signal }: { readonly onWait: () => void; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const [command = '', ...args] = await dieWithParent(['flock', '--exclusive', file, 'sh', '-c', 'echo held; cat']);
  const holder = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const exit = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  const waiting = setTimeout(onWait, 500);
  try {
    await Promise.race([
      once(holder.stdout, 'data', signal === undefined ? {} : { signal }),
      once(holder, 'close').then(() => Promise.reject(new Error(`${file} could not be locked`))),
    ]);
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    holder.stdin.end(); // `cat` ends, and with it the lock
    if (signal?.aborted && holder.pid !== undefined) tryKill(-holder.pid); // it may still wait for the lock
    await exit;
  }
}

function tryKill(group: number): void {
  try {
    process.kill(group, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
