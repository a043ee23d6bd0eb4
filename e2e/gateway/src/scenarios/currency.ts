import type { GenericObject } from '@tsgateway/kube';
import { ask } from '../harness/load.ts';
import type { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { endpoints, gateway, httpRoutes, roundRobinCluster, route, toService } from './fleet.ts';

const host = 'current.test';

/** How long it took, by either way. */
export interface CurrentAfter {
  readonly endpointsMs: number;
  readonly routesMs: number;
}

/**
 * Tells whether what users write reaches the proxies, by both ways: a label of a machine, which travels by endpoint
 * discovery, and a path of a route, which takes a translation.
 */
export class Currency {
  readonly #stack: Stack;
  readonly #origin: string;
  /** `host:port` of the machine whose label is changed. */
  readonly #spare: string;
  #generation = 0;

  constructor(stack: Stack, options: { origin: string; spare: string }) {
    this.#stack = stack;
    this.#origin = options.origin;
    this.#spare = options.spare;
  }

  /** The route that is changed. */
  get object(): GenericObject {
    return route('current', { host, backendRefs: [toService('round-robin')], path: this.#path });
  }

  get #path(): string {
    return `/generation/${this.#generation}`;
  }

  /** Changes the label and the path. */
  async change(): Promise<void> {
    this.#generation++;
    const { client } = this.#stack;
    await Promise.all([
      client.patch(
        endpoints,
        { namespace: 'default', name: 'spare' },
        { type: 'merge', body: { metadata: { labels: { service: this.#wanted ? 'round-robin' : 'nobody' } } } },
      ),
      client.patch(
        httpRoutes,
        { namespace: 'default', name: 'current' },
        { type: 'merge', body: { spec: this.object.spec } },
      ),
    ]);
  }

  /** The path of the last change is served. */
  async pathServed(): Promise<boolean> {
    return (await ask({ origin: this.#origin, host, path: this.#path })).status === 200;
  }

  /** The label of the last change is in every proxy. */
  async labelServed(): Promise<boolean> {
    const seen = await Promise.all(
      this.#stack.node.proxies(gateway).map(async (proxy) => {
        const found = (await proxy.endpoints(roundRobinCluster)) ?? [];
        return found.some(({ address }) => address === this.#spare) === this.#wanted;
      }),
    );
    return seen.every(Boolean);
  }

  /**
   * Waits until the last change is everywhere; times are those since `sinceMs`, of `performance.now()`.
   * @throws Error where one of the ways takes longer than `within` says, 15 s by default
   */
  async until(sinceMs: number, within: Partial<CurrentAfter> = {}): Promise<CurrentAfter> {
    const way = async (what: string, served: () => Promise<boolean>, deadlineMs = 15_000) => {
      await until(served, { what, deadlineMs });
      return performance.now() - sinceMs;
    };
    const [endpointsMs, routesMs] = await Promise.all([
      way('the label is in the proxies', () => this.labelServed(), within.endpointsMs),
      way('the path is served', () => this.pathServed(), within.routesMs),
    ]);
    return { endpointsMs, routesMs };
  }

  get #wanted(): boolean {
    return this.#generation % 2 === 1;
  }
}
