import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '@tsgateway/kube';

export interface EnvoyProcessOptions {
  readonly binary: string;
  /** Bootstrap, log, admin address and pid are kept here. */
  readonly workDir: string;
  readonly bootstrap: object;
  readonly concurrency: number;
  readonly log: Log;
}

const START_DEADLINE_MS = 20_000;
const POLL_MS = 25;
const ADMIN_DEADLINE_MS = 5_000;
const MAX_RESTART_DELAY_MS = 5_000;
const DRAIN_MS = 5_000;
const KILL_AFTER_MS = 5_000;
const LOG_LINES_SHOWN = 5;

/** One Envoy, kept running: started anew whenever it dies. */
export class EnvoyProcess {
  readonly #options: EnvoyProcessOptions;
  #child: ChildProcess | undefined;
  #admin: string | undefined;
  #closing = false;
  #keeper: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();
  /** This process ends without having closed it: nobody would be left to stop it. */
  readonly #onExit = () => this.#child?.kill('SIGKILL');

  constructor(options: EnvoyProcessOptions) {
    this.#options = options;
  }

  /**
   * Starts it; resolves when its admin interface answers.
   * @throws Error with the last lines of its log where it ends instead.
   */
  async start(): Promise<void> {
    const { workDir, bootstrap } = this.#options;
    await mkdir(workDir, { recursive: true });
    await this.#endLeftover();
    await writeFile(join(workDir, 'envoy.json'), JSON.stringify(bootstrap, null, 2));
    process.once('exit', this.#onExit);
    const { exited } = await this.#spawn();
    try {
      await this.#answers(exited);
    } catch (error) {
      process.off('exit', this.#onExit);
      throw error;
    }
    this.#keeper = this.#keep(exited);
  }

  /** The body of an admin page. */
  async admin(path: string, method = 'GET'): Promise<string> {
    if (this.#admin === undefined) throw new Error('Envoy is not running');
    const response = await fetch(`http://${this.#admin}${path}`, {
      method,
      signal: AbortSignal.timeout(ADMIN_DEADLINE_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Envoy answers ${path} with ${response.status}`);
    return text;
  }

  /** Listeners are closed, requests in flight get a few seconds, then it is ended, by force if need be. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#stop.abort();
    const child = this.#child;
    if (child && child.exitCode === null) {
      await this.#drain().catch(() => undefined);
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await this.#keeper;
      clearTimeout(force);
    }
    process.off('exit', this.#onExit);
    await rm(this.#pidFile, { force: true });
  }

  get #pidFile(): string {
    return join(this.#options.workDir, 'envoy.pid');
  }

  get #adminFile(): string {
    return join(this.#options.workDir, 'envoy-admin.address');
  }

  get #logFile(): string {
    return join(this.#options.workDir, 'envoy.log');
  }

  /** `exited` resolves to how it ended. */
  async #spawn(): Promise<{ exited: Promise<string> }> {
    const { binary, workDir, concurrency, log } = this.#options;
    await rm(this.#adminFile, { force: true });
    this.#admin = undefined;
    const output = openSync(this.#logFile, 'a');
    const args = ['-c', join(workDir, 'envoy.json'), '--concurrency', String(concurrency), '--use-dynamic-base-id'];
    const child = spawn(binary, [...args, '--admin-address-path', this.#adminFile, '--log-level', 'warn'], {
      stdio: ['ignore', output, output],
      // Its own group: Ctrl-C is for us, who drain it first.
      detached: true,
    });
    closeSync(output);
    this.#child = child;
    const exited = new Promise<string>((resolve) => {
      child.once('error', (error) => {
        resolve(error.message);
      });
      child.once('exit', (code, signal) => {
        resolve(signal === null ? `exit code ${code ?? ''}` : `signal ${signal}`);
      });
    });
    if (child.pid !== undefined) await writeFile(this.#pidFile, String(child.pid));
    log.info({ pid: child.pid, binary }, 'Envoy started');
    return { exited };
  }

  /** Waits for the admin address, or throws when the process has ended. */
  async #answers(exited: Promise<string>): Promise<void> {
    let end: string | undefined;
    void exited.then((how) => (end = how));
    const deadline = Date.now() + START_DEADLINE_MS;
    while (Date.now() < deadline) {
      if (end !== undefined) throw new Error(`Envoy ended at its start (${end}): ${await this.#lastLines()}`);
      const address = await readFile(this.#adminFile, 'utf8').catch(() => '');
      if (address !== '') {
        this.#admin = address;
        const ready = await this.admin('/ready').then(
          () => true,
          // Initializing: it answers, with 503.
          (error: unknown) => error instanceof Error && error.message.includes('answers'),
        );
        if (ready) return;
      }
      await delay(POLL_MS);
    }
    this.#child?.kill('SIGKILL');
    throw new Error(`Envoy does not answer in ${START_DEADLINE_MS / 1000} s: ${await this.#lastLines()}`);
  }

  async #keep(first: Promise<string>): Promise<void> {
    let exited = first;
    for (let failures = 0; ; failures++) {
      const started = Date.now();
      const how = await exited;
      this.#admin = undefined;
      if (this.#closing) return;
      if (Date.now() - started > 60_000) failures = 0;
      const wait = Math.min(MAX_RESTART_DELAY_MS, 50 * 2 ** failures) * (0.5 + Math.random() / 2);
      this.#options.log.error({ how, lastLines: await this.#lastLines(), restartInMs: Math.round(wait) }, 'Envoy died');
      await delay(wait, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#closing) return;
      exited = (await this.#spawn()).exited;
      await this.#answers(exited).catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'Envoy does not start');
      });
    }
  }

  async #drain(): Promise<void> {
    await this.admin('/drain_listeners', 'POST');
    const deadline = Date.now() + DRAIN_MS;
    while (Date.now() < deadline) {
      const text = await this.admin('/stats?filter=%5Ehttp%5C.http-.*downstream_rq_active$');
      if (text.split('\n').every((line) => line === '' || line.endsWith(': 0'))) return;
      await delay(POLL_MS);
    }
  }

  /** An Envoy that a killed predecessor of this process left behind would hold the ports. */
  async #endLeftover(): Promise<void> {
    const pid = Number(await readFile(this.#pidFile, 'utf8').catch(() => ''));
    if (!Number.isInteger(pid) || pid <= 1) return;
    // Only where the system tells whose it is: a pid may have been given away anew.
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!command.split('\0').includes(join(this.#options.workDir, 'envoy.json'))) return;
    this.#options.log.warn({ pid }, 'ending the Envoy of an earlier run');
    process.kill(pid, 'SIGKILL');
  }

  async #lastLines(): Promise<string> {
    const text = await readFile(this.#logFile, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.slice(-LOG_LINES_SHOWN).join(' | ') || 'it logged nothing';
  }
}
