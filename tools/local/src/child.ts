import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface ChildOptions {
  readonly name: string;
  /** A built module. */
  readonly module: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints is appended there. */
  readonly logFile: string;
  /** A module that is loaded before it. */
  readonly preload?: string;
  /** When it ends by itself: started anew, as a kubelet would; left as it is; or somebody is told how it ended. */
  readonly onDeath: 'restart' | 'leave' | ((how: string) => void);
}

const restartDelaysMs = [50, 200, 1000, 3000];
const stableAfterMs = 10_000;
const graceMs = 8000;
const hurriedGraceMs = 1000;
const messageDeadlineMs = 15_000;

/** A process of ours: started, started again when it dies, stopped in the end. */
export class Child {
  readonly name: string;
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #stopping = false;
  #restarts = 0;
  #quickDeaths = 0;
  #timer: NodeJS.Timeout | undefined;
  #exit: Promise<void> = Promise.resolve();

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** How often it was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  start(): void {
    if (this.#stopping) throw new Error(`${this.name} was stopped`);
    const { module, args = [], env, logFile, preload } = this.#options;
    const log = openSync(logFile, 'a');
    const child = fork(module, [...args], {
      env: { ...inheritedEnv(), ...env },
      execArgv: ['--enable-source-maps', ...(preload === undefined ? [] : ['--import', pathToFileURL(preload).href])],
      stdio: ['ignore', log, log, 'ipc'],
      detached: true, // a process group of its own: Ctrl-C reaches us alone, and we stop them in order
    });
    closeSync(log);
    const startedAt = Date.now();
    this.#process = child;
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#process = undefined;
        resolve();
        const { onDeath } = this.#options;
        if (this.#stopping || onDeath === 'leave') return;
        if (onDeath !== 'restart') {
          onDeath(signal ?? `exit code ${code}`);
          return;
        }
        this.#quickDeaths = Date.now() - startedAt < stableAfterMs ? this.#quickDeaths + 1 : 0;
        this.#restarts++;
        this.#timer = setTimeout(() => this.start(), restartDelaysMs[Math.min(this.#quickDeaths, 3)]);
      });
    });
  }

  /** The next message of the process that `pick` takes. Rejects when the process ends first, or says nothing in time. */
  message<T>(
    pick: (message: Record<string, unknown>) => T | undefined,
    options: { deadlineMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const child = this.#process;
    if (!child) return Promise.reject(new Error(`${this.name} is not running`));
    const { deadlineMs = messageDeadlineMs, signal } = options;
    if (signal?.aborted) return Promise.reject(new Error(`${this.name} was interrupted`));
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const fail = (why: string) => {
        done();
        reject(new Error(`${this.name} ${why}; see ${basename(this.#options.logFile)}`));
      };
      const onAbort = () => fail('was interrupted');
      const timer = setTimeout(() => fail(`did not answer within ${deadlineMs / 1000} s`), deadlineMs);
      signal?.addEventListener('abort', onAbort);
      const onMessage = (message: unknown) => {
        const record = message as Record<string, unknown>;
        if (typeof record.error === 'string') {
          done();
          reject(new Error(`${this.name}: ${record.error}`));
          return;
        }
        const value = pick(record);
        if (value === undefined) return;
        done();
        resolve(value);
      };
      const onExit = (code: number | null, by: string | null) => fail(`ended with ${by ?? `exit code ${code}`}`);
      child.on('message', onMessage);
      child.on('exit', onExit);
    });
  }

  send(message: object): void {
    this.#process?.send(message);
  }

  /** SIGKILL, as a crash. It is started again if it was made so. */
  async crash(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exit;
  }

  /** SIGTERM, SIGKILL after a grace period; resolves when it has ended. Never started again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#terminate(graceMs);
    await this.#exit;
  }

  /** As `stop`, with hardly any grace. A process that was told to stop before may take it as "now". */
  hurry(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#terminate(hurriedGraceMs);
  }

  #terminate(killAfterMs: number): void {
    const child = this.#process;
    if (child?.pid === undefined) return;
    // The whole group: what it has started, like pip, ends with it.
    signalGroup(child.pid, 'SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.once('exit', () => clearTimeout(timer));
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended, and we have not been told yet.
  }
}

/** PATH and the like, but nothing that configures a service of ours or a proxy on the way to loopback. */
function inheritedEnv(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'XDG_CACHE_HOME', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(kept.flatMap((k) => (process.env[k] === undefined ? [] : [[k, process.env[k]]])));
}
