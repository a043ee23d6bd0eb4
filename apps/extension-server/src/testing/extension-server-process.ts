import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const main = join(import.meta.dirname, '../../../../dist/apps/extension-server/main.js');

/** Resolves once a condition holds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not in 20 s: ${what}`);
    await new Promise((r) => setTimeout(r, 5));
  }
}

/** The built extension server as a process of its own, on free ports of loopback. */
export class ExtensionServerProcess {
  readonly lines: Record<string, unknown>[] = [];
  readonly #process: ChildProcess;

  constructor(env: Record<string, string>) {
    this.#process = spawn(process.execPath, [main], {
      env: {
        ...{ PATH: process.env['PATH'], BIND_HOST: '127.0.0.1', GRPC_PORT: '0', XDS_PORT: '0', METRICS_PORT: '0' },
        HEALTH_PROBE_BIND_ADDRESS: ':0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (!this.#process.stdout) throw new Error('no stdout');
    createInterface(this.#process.stdout).on('line', (line) =>
      this.lines.push(JSON.parse(line) as Record<string, unknown>),
    );
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Lines with this message. */
  logged(msg: string): Record<string, unknown>[] {
    return this.lines.filter((l) => l['msg'] === msg);
  }

  /** Resolves when both gRPC servers listen. */
  async listening(): Promise<void> {
    await until('two gRPC servers', () => this.logged('Serving gRPC').length === 2);
  }

  /** `host:port` of the server that has this gRPC service. */
  address(service: string): string {
    const line = this.logged('Serving gRPC').find((l) => (l['services'] as string[]).includes(service));
    return `127.0.0.1:${line?.['port'] as number}`;
  }

  /** GET of one of the HTTP servers, by the variable of its address. */
  async http(variable: 'METRICS_BIND_ADDRESS' | 'HEALTH_PROBE_BIND_ADDRESS', path: string): Promise<Response> {
    const [address] = this.logged(`Listening (${variable})`)[0]?.['addresses'] as string[];
    return fetch(`http://${address}${path}`);
  }

  /** Asks it to end; its exit code. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    this.#process.kill('SIGTERM');
    const [code] = (await once(this.#process, 'exit')) as [number | null];
    return code;
  }

  /** Ends it, whatever it does. */
  kill(): void {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
  }
}
