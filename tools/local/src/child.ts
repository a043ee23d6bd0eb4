import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';

export interface ChildOptions {
  readonly name: string;
  /** A built module. */
  readonly module: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints is appended there. */
  readonly logFile: string;
  /** Started anew when it ends by itself, as a kubelet would. */
  readonly restart: boolean;
}

const restartDelaysMs = [50, 200, 1000, 3000];
const stableAfterMs = 10_000;
const graceMs = 8000;
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
    this.#stopping = false;
    const log = openSync(this.#options.logFile, 'a');
    const child = fork(this.#options.module, [...(this.#options.args ?? [])], {
      env: { ...inheritedEnv(), ...this.#options.env },
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', log, log, 'ipc'],
      detached: true, // Ctrl-C reaches us alone, and we stop them in order
    });
    closeSync(log);
    const startedAt = Date.now();
    this.#process = child;
    this.#exit = new Promise((resolve) => {
      child.once('exit', () => {
        this.#process = undefined;
        resolve();
        if (this.#stopping || !this.#options.restart) return;
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
      const onExit = (code: number | null) => fail(`ended with ${code ?? 'a signal'}`);
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
    const child = this.#process;
    if (!child) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#exit;
    clearTimeout(timer);
  }
}

/** PATH and the like, but nothing that configures a service of ours or a proxy on the way to loopback. */
function inheritedEnv(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'XDG_CACHE_HOME', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(kept.flatMap((k) => (process.env[k] === undefined ? [] : [[k, process.env[k]]])));
}
