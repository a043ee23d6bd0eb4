import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { access, constants, open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** How to start a process. Plain data: it is kept, to start the process again. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: readonly string[];
  /** What it prints is appended there. */
  readonly logFile: string;
  /** The whole environment, but for PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** With `parent` the kernel kills it when we end, however we end. `detached`: it stays, until somebody calls `endProcess`. */
  readonly lifetime: 'parent' | 'detached';
}

/** A process that was started. Plain data: it can be written to a file, and ended from there by another process. */
export interface ProcessRecord extends ProcessSpec {
  readonly pid: number;
  /** Clock ticks since boot: pids are used again, a pid with its start time is not. */
  readonly startTime: string;
}

export interface ReadyOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

const logTailBytes = 4096;
const logTailLines = 12;
const pollMs = 50;
const killDeadlineMs = 5000;

/**
 * Starts a native process in a session of its own (a Ctrl-C reaches us alone).
 * @throws Error when the binary cannot be run
 */
export async function startProcess(spec: ProcessSpec): Promise<ProcessRecord> {
  const [file = '', ...args] = spec.lifetime === 'parent' ? await dieWithParent(spec.command) : spec.command;
  const log = openSync(spec.logFile, 'a', 0o600);
  try {
    const child = spawn(file, args, {
      env: { ...pathAndHome(), ...spec.env },
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      stdio: ['ignore', log, log],
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) =>
        reject(new Error(`${spec.name} did not start: ${error.message}`, { cause: error })),
      );
    });
    child.unref();
    const pid = child.pid as number;
    return { ...spec, pid, startTime: (await statOf(pid))?.startTime ?? '' };
  } finally {
    closeSync(log);
  }
}

/** Whether that very process still runs. */
export async function isAlive({ pid, startTime }: Pick<ProcessRecord, 'pid' | 'startTime'>): Promise<boolean> {
  const stat = await statOf(pid);
  return stat !== undefined && stat.state !== 'Z' && stat.startTime === startTime;
}

/**
 * Waits until `probe` says true; what it throws means "not yet".
 * @throws Error with the end of the log when the process ends first or the deadline passes
 */
export async function untilReady(
  record: ProcessRecord,
  probe: () => Promise<boolean>,
  { deadlineMs, signal }: ReadyOptions,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  let last = '';
  for (;;) {
    signal?.throwIfAborted();
    try {
      if (await probe()) return;
    } catch (error) {
      last = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (!(await isAlive(record))) throw new Error(`${record.name} ended\n${await logTail(record.logFile)}`);
    if (performance.now() > end) {
      throw new Error(
        `${record.name} was not ready within ${deadlineMs / 1000} s${last}\n${await logTail(record.logFile)}`,
      );
    }
    await delay(pollMs, undefined, { signal });
  }
}

/** SIGTERM; SIGKILL after the grace period. Returns when it is gone, at once when it already was. */
export async function endProcess(record: ProcessRecord, { graceMs }: { readonly graceMs: number }): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', killDeadlineMs],
  ] as const) {
    if (!(await isAlive(record))) return;
    try {
      process.kill(record.pid, signal);
    } catch {
      return; // gone between the two lines
    }
    const end = performance.now() + waitMs;
    while (performance.now() < end) {
      if (!(await isAlive(record))) return;
      await delay(pollMs);
    }
  }
  throw new Error(`${record.name} (pid ${record.pid}) does not end`);
}

/** The last lines of a log, indented; says so when it is empty. */
export async function logTail(logFile: string): Promise<string> {
  try {
    const file = await open(logFile);
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read({
        position: Math.max(0, size - logTailBytes),
        length: logTailBytes,
        buffer: Buffer.alloc(logTailBytes),
      });
      const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-logTailLines);
      return [`${logFile} ends with:`, ...lines.map((line) => `  ${line}`)].join('\n');
    } finally {
      await file.close();
    }
  } catch {
    return `there is no log (${logFile})`;
  }
}

const setpriv = '/usr/bin/setpriv';

/**
 * The command, so that the kernel kills it when we end. Where util-linux has no `setpriv` (or it is no Linux) it is the command
 * itself.
 */
export async function dieWithParent(command: readonly string[]): Promise<readonly string[]> {
  const available = await access(setpriv, constants.X_OK).then(
    () => true,
    () => false,
  );
  return available ? [setpriv, '--pdeathsig', 'KILL', '--', ...command] : command;
}

async function statOf(pid: number): Promise<{ state: string; startTime: string } | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may hold anything: the third begins after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

function pathAndHome(): Record<string, string> {
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin', HOME = '/' } = process.env;
  return { PATH, HOME };
}
