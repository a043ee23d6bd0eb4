import { join } from 'node:path';
import { ManagedProcess } from './managed-process.ts';

/** What a backend does with requests; probes are answered at once, by `healthy` alone. */
export interface Behaviour {
  readonly healthy: boolean;
  readonly latencyMs: number;
  readonly status: number;
}

/** An HTTP server that says its name in the header `x-backend`. */
export class Backend extends ManagedProcess {
  readonly port: number;

  constructor(options: { name: string; port: number; workDir: string }) {
    const { name, port, workDir } = options;
    super({
      name: `backend ${name}`,
      command: [process.execPath, join(import.meta.dirname, 'backend-main.ts'), name, String(port)],
      logFile: join(workDir, `backend-${name}.log`),
      ready: async () => (await ask(port, {})).ok,
    });
    this.port = port;
  }

  /** Changes what it does from now on. */
  async behave(behaviour: Partial<Behaviour>): Promise<void> {
    const answer = await ask(this.port, behaviour);
    await answer.arrayBuffer();
  }
}

const ask = (port: number, behaviour: Partial<Behaviour>): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/-/behaviour`, {
    method: 'PUT',
    body: JSON.stringify(behaviour),
    signal: AbortSignal.timeout(2_000),
  });
