import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A server process that is measured. */
export interface Peer {
  readonly pid: number;
  /** host:port of the hooks. */
  readonly target: string;
  stop(): Promise<void>;
}

/** A process of ours and the lines that it writes to stdout. */
export class Child {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly #lines: string[] = [];
  readonly #wake = new Set<() => void>();
  readonly #name: string;
  #read = 0;

  constructor(command: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}) {
    const [file, ...args] = command;
    this.#name = [file, ...args].at(-1) ?? file;
    const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
    this.process = spawn(file, args, { env: { PATH: process.env['PATH'], ...env }, stdio });
    const { stdout, pid } = this.process;
    if (!stdout || pid === undefined) throw new Error(`${file} does not start`);
    this.pid = pid;
    process.once('exit', this.#kill);
    const wake = () => this.#wake.forEach((w) => w());
    createInterface(stdout).on('line', (line) => {
      this.#lines.push(line);
      wake();
    });
    this.process.on('exit', wake);
  }

  send(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  /**
   * The next line that was not read yet.
   * @throws Error when there is none in time, or the process ended.
   */
  async nextLine(deadlineMs: number): Promise<string> {
    await this.until(() => this.#lines.length > this.#read, deadlineMs);
    return this.#lines[this.#read++] ?? '';
  }

  /** All lines so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** @throws Error when the condition does not hold in time, or the process ended before. */
  async until(condition: () => boolean, deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.#name}: no answer in ${deadlineMs} ms`)), deadlineMs);
    });
    try {
      while (!condition()) {
        if (this.process.exitCode !== null || this.process.signalCode !== null) {
          throw new Error(`${this.#name} ended: ${this.#lines.at(-1) ?? 'without a word'}`);
        }
        await Promise.race([late, new Promise<void>((resolve) => this.#wake.add(resolve))]);
        this.#wake.clear();
      }
    } finally {
      clearTimeout(timer);
      late.catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }

  readonly #kill = (): void => {
    this.process.kill('SIGKILL');
  };
}

/** Starts a server that says `{"port": N}` when it listens on 127.0.0.1. */
export async function startPeer(command: readonly [string, ...string[]]): Promise<Peer> {
  const child = new Child(command);
  const { port } = JSON.parse(await child.nextLine(10_000)) as { port: number };
  return { pid: child.pid, target: `127.0.0.1:${port}`, stop: () => child.stop() };
}
