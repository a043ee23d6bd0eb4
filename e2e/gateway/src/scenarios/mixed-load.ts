import { type Failure, type LoadResult, SteadyLoad } from '../harness/load.ts';

/** A request that was not answered with 200, and which route it was for. */
export interface RouteFailure extends Failure {
  readonly host: string;
}

/** What the routes showed together. */
export interface MixedResult {
  readonly requests: number;
  readonly failures: readonly RouteFailure[];
  /** Of the route that was slowest. */
  readonly p99Ms: number;
  readonly byHost: ReadonlyMap<string, LoadResult>;
}

/** So many requests a second, an equal part to each host. */
export class MixedLoad {
  readonly #loads: ReadonlyMap<string, SteadyLoad>;

  /** Starts at once. */
  constructor(origin: string, { hosts, perSecond }: { hosts: readonly string[]; perSecond: number }) {
    this.#loads = new Map(
      hosts.map((host) => [host, new SteadyLoad({ origin, host }, { perSecond: perSecond / hosts.length })]),
    );
  }

  /** Lets what is in flight end, and says what was seen. */
  async stop(): Promise<MixedResult> {
    const byHost = new Map(
      await Promise.all([...this.#loads].map(async ([host, load]) => [host, await load.stop()] as const)),
    );
    const results = [...byHost.values()];
    return {
      requests: results.reduce((sum, { requests }) => sum + requests, 0),
      failures: [...byHost].flatMap(([host, { failures }]) => failures.map((failure) => ({ ...failure, host }))),
      p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
      byHost,
    };
  }
}
