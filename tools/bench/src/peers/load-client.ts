import { Child } from './peer.ts';

/** What tools/bench/go/load answers. */
export interface LoadAnswer {
  readonly calls: number;
  readonly failed: number;
  readonly error?: string;
  readonly p50Ns?: number;
  readonly p99Ns?: number;
  readonly totalNs?: number;
  readonly responseBytes?: number;
  /** CLOCK_MONOTONIC, as `process.hrtime`. */
  readonly lastAtNs?: number;
}

const deadlineMs = 120_000;

/** The client of all peers: a process that makes the calls it is told to. One command at a time. */
export class LoadClient {
  readonly #child: Child;

  constructor(program: string) {
    this.#child = new Child([program]);
  }

  /** @throws Error when any of its calls did not end as it should. */
  async run(command: Readonly<Record<string, unknown>>): Promise<Required<LoadAnswer>> {
    this.#child.send(JSON.stringify(command));
    const answer = JSON.parse(await this.#child.nextLine(deadlineMs)) as LoadAnswer;
    if (answer.failed > 0) throw new Error(`${answer.failed} of ${answer.calls} calls failed: ${answer.error}`);
    return { error: '', p50Ns: 0, p99Ns: 0, totalNs: 0, responseBytes: 0, lastAtNs: 0, ...answer };
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

export const hookMethod = (hook: string): string => `/envoygateway.extension.EnvoyGatewayExtension/${hook}`;

/** Calls that must all succeed. */
export const calls = (options: {
  target: string;
  hook: string;
  body: string;
  calls: number;
  warmup?: number;
  inFlight?: number;
}): Readonly<Record<string, unknown>> => {
  const { hook, ...rest } = options;
  return { op: 'calls', want: 'OK', inFlight: 1, method: hookMethod(hook), ...rest };
};
