import { spawn } from 'node:child_process';
import { dieWithParent } from './process.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

const keptOutput = 16_384;

/**
 * Runs a command to its end.
 * @returns what it wrote to stdout
 * @throws Error with the last lines of its stderr when it fails or takes too long; the signal's reason when that aborts. By then the
 *   command has ended, and what it had started too.
 */
export async function runCommand(command: readonly string[], options: CommandOptions): Promise<string> {
  const { cwd, env, deadlineMs, signal } = options;
  signal?.throwIfAborted();
  const [file = '', ...args] = await dieWithParent(command);
  const child = spawn(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group, so that what it starts ends with it
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-keptOutput)));
  let late = false;
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  };
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, deadlineMs);
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const how = await new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, by) => resolve(code === 0 ? undefined : (by ?? `exit code ${code}`)));
    });
    signal?.throwIfAborted();
    if (how === undefined) return stdout;
    const why = late ? `took more than ${deadlineMs / 1000} s` : `ended with ${how}`;
    throw new Error(`${command.slice(0, 3).join(' ')} ${why}\n${stderr.trimEnd().split('\n').slice(-10).join('\n')}`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}
