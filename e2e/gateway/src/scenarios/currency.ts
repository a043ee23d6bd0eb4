import { ask } from '../harness/load.ts';
import type { Stack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { endpoints, gateway, httpRoutes, route, toService } from './fleet.ts';

const host = 'current.test';
const cluster = 'tsgateway/default/round-robin/80';

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
  get object(): object {
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
        { type: 'merge', body: { spec: (this.object as { spec: object }).spec } },
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
        const found = (await proxy.endpoints(cluster)) ?? [];
        return found.some(({ address }) => address === this.#spare) === this.#wanted;
      }),
    );
    return seen.every(Boolean);
  }

  /**
   * Waits until the last change is everywhere.
   * @returns ms since `sinceMs`, a time of `performance.now()`
   */
  async until(sinceMs: number, deadlineMs: number): Promise<number> {
    const way = async (what: string, served: () => Promise<boolean>) => {
      await until(served, { what, deadlineMs });
    };
    await Promise.all([
      way('the label is in the proxies', () => this.labelServed()),
      way('the path is served', () => this.pathServed()),
    ]);
    return performance.now() - sinceMs;
  }

  get #wanted(): boolean {
    return this.#generation % 2 === 1;
  }
}
