import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import type { Proxy } from '../harness/proxy.ts';
import { gateway, toService } from './fleet.ts';
import type { Rule } from './route-edits.ts';
import type { Answer } from './route-history.ts';

/** The header by which every answer says which version of the route it was routed by. */
const mark = 'x-route-version';

/** The `spec` of an HTTPRoute whose answers carry its version. */
export function markedSpec(host: string, { rules, version }: { rules: readonly Rule[]; version: number }): object {
  return {
    parentRefs: [{ name: gateway.split('/')[1] }],
    hostnames: [host],
    rules: rules.map(({ path, shares }) => ({
      matches: [{ path: { type: 'Exact', value: path } }],
      filters: [
        { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: mark, value: String(version) }] } },
      ],
      backendRefs: shares.map(({ service, weight }) => ({ ...toService(service), weight })),
    })),
  };
}

/** Some requests at a time for paths at random, one after the other, until it is stopped. */
export class PathLoad {
  readonly answers: Answer[] = [];
  readonly #options: PathLoadOptions;
  readonly #pool: Pool;
  readonly #stopped = new AbortController();
  readonly #loops: Promise<unknown>;

  /** Starts at once. */
  constructor(origin: string, options: PathLoadOptions) {
    this.#options = options;
    this.#pool = new Pool(origin, { connections: options.atATime, headersTimeout: 10_000, bodyTimeout: 10_000 });
    this.#loops = Promise.all(Array.from({ length: options.atATime }, () => this.#run()));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loops;
    await this.#pool.close();
  }

  async #run(): Promise<void> {
    const { paths, random } = this.#options;
    while (!this.#stopped.signal.aborted) {
      this.answers.push(await this.#send(paths[Math.floor(random() * paths.length)] ?? '/'));
      await delay(pauseMs);
    }
  }

  async #send(path: string): Promise<Answer> {
    const startedAt = performance.now();
    const answer = (rest: Pick<Answer, 'status' | 'backend' | 'version'>) => ({
      ...{ path, startedAt, endedAt: performance.now() },
      ...rest,
    });
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        ...{ method: 'GET', path, headers: { host: this.#options.host } },
      });
      await body.dump();
      const version = headers[mark];
      return answer({
        status: String(statusCode),
        backend: String(headers['x-backend'] ?? '?'),
        version: version === undefined ? undefined : Number(version),
      });
    } catch (error) {
      return answer({ status: String((error as { code?: unknown }).code), backend: '?', version: undefined });
    }
  }
}

export interface PathLoadOptions {
  readonly host: string;
  readonly paths: readonly string[];
  readonly random: () => number;
  readonly atATime: number;
}

const pauseMs = 20;

interface EnvoyRoute {
  readonly match: { readonly path?: string };
  readonly response_headers_to_add?: readonly { readonly header: { readonly key: string; readonly value: string } }[];
  readonly route?: {
    readonly cluster?: string;
    readonly weighted_clusters?: { readonly clusters: readonly { readonly name: string; readonly weight?: number }[] };
  };
}

/** What a proxy has of the route: the version, where it has all of one, and its rules. */
export async function routeIn(proxy: Proxy, host: string): Promise<{ versions: Set<number>; rules: Rule[] }> {
  const dump = JSON.parse(await proxy.admin('/config_dump?resource=dynamic_route_configs')) as {
    configs?: { route_config: { virtual_hosts?: { domains: string[]; routes?: EnvoyRoute[] }[] } }[];
  };
  const hosts = (dump.configs ?? []).flatMap(({ route_config }) => route_config.virtual_hosts ?? []);
  const routes = hosts.filter(({ domains }) => domains.includes(host)).flatMap((each) => each.routes ?? []);
  return {
    versions: new Set(
      routes.map(({ response_headers_to_add: added = [] }) =>
        Number(added.find(({ header }) => header.key === mark)?.header.value),
      ),
    ),
    rules: routes.map(({ match, route }) => ({ path: match.path ?? '?', shares: sharesOf(route) })),
  };
}

function sharesOf(route: EnvoyRoute['route']): Rule['shares'] {
  const all = route?.weighted_clusters?.clusters ?? (route?.cluster ? [{ name: route.cluster, weight: 1 }] : []);
  return all.map(({ name, weight = 0 }) => ({ service: name.split('/')[2] ?? name, weight }));
}
