import { join } from 'node:path';
import { ManagedProcess } from './managed-process.ts';

/** What a backend does with requests; probes are answered at once, by `healthy` alone. */
export interface Behaviour {
  readonly healthy: boolean;
  readonly latencyMs: number;
  readonly status: number;
}

export interface BackendOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly workDir: string;
}

/** An HTTP server that says its name in the header `x-backend`. */
export class Backend extends ManagedProcess {
  readonly port: number;
  /** `host:port` */
  readonly address: string;

  constructor({ name, host, port, workDir }: BackendOptions) {
    const address = `${host}:${port}`;
    super({
      name: `backend ${name}`,
      command: [process.execPath, join(import.meta.dirname, 'backend-main.ts'), name, host, String(port)],
      logFile: join(workDir, `backend-${name}.log`),
      ready: async () => (await ask(address, {})).ok,
    });
    this.port = port;
    this.address = address;
  }

  /** Changes what it does from now on. */
  async behave(behaviour: Partial<Behaviour>): Promise<void> {
    const answer = await ask(this.address, behaviour);
    await answer.arrayBuffer();
  }
}

const ask = (address: string, behaviour: Partial<Behaviour>): Promise<Response> =>
  fetch(`http://${address}/-/behaviour`, {
    method: 'PUT',
    body: JSON.stringify(behaviour),
    signal: AbortSignal.timeout(2_000),
  });
