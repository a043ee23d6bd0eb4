import {
  endProcess,
  isAlive,
  startProcess,
  untilReady,
  type ProcessRecord,
  type ProcessSpec,
} from '@tsgateway/cluster';
import { until } from './until.ts';

export interface ManagedProcessOptions extends Omit<ProcessSpec, 'lifetime'> {
  /** Whether it does its work; what it throws means "not yet". */
  readonly ready: () => Promise<boolean>;
}

const readyDeadlineMs = 30_000;
const graceMs = 5_000;

/**
 * A process that tests stop, freeze, kill and start again. Nobody but they start it again. It never outlives the test run,
 * however that ends.
 */
export class ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #spec: ProcessSpec;
  readonly #probe: () => Promise<boolean>;
  #record: ProcessRecord | undefined;

  constructor({ ready, ...spec }: ManagedProcessOptions) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.#spec = { ...spec, lifetime: 'parent' };
    this.#probe = ready;
  }

  /** @throws Error where it was not started */
  get pid(): number {
    if (!this.#record) throw new Error(`${this.name} was not started`);
    return this.#record.pid;
  }

  async alive(): Promise<boolean> {
    return this.#record !== undefined && (await isAlive(this.#record));
  }

  /** Resolves when it runs; it may not be ready. @throws Error where it runs already */
  async spawn(): Promise<void> {
    if (await this.alive()) throw new Error(`${this.name} runs already`);
    this.#record = await startProcess(this.#spec);
  }

  /** @throws Error with the end of its log when it ends first, or is not ready in time */
  async ready(deadlineMs = readyDeadlineMs): Promise<void> {
    if (!this.#record) throw new Error(`${this.name} was not started`);
    await untilReady(this.#record, this.#probe, { deadlineMs });
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    await this.spawn();
    await this.ready();
  }

  /** SIGTERM, as a rollout does; SIGKILL after a grace period. Resolves when it has ended. */
  async stop(): Promise<void> {
    if (!this.#record) return;
    if (await this.alive()) this.#signal('SIGCONT');
    await endProcess(this.#record, { graceMs });
  }

  /** SIGKILL, as a crash. Resolves when it has ended. */
  async kill(): Promise<void> {
    if (!(await this.alive())) return;
    this.#signal('SIGKILL');
    await until(async () => !(await this.alive()), { what: `${this.name} ends`, everyMs: 2 });
  }

  /** SIGSTOP: its connections stay open, and nothing answers. */
  freeze(): void {
    this.#signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }
}
