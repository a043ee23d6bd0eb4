import type { Proxy } from '../harness/proxy.ts';

/** A route in Envoy, as much as tests look at. */
export interface EnvoyRoute {
  readonly name?: string;
  readonly match: { readonly prefix?: string; readonly path?: string };
  readonly route?: {
    readonly cluster?: string;
    readonly weighted_clusters?: { readonly clusters: readonly { readonly name: string; readonly weight?: number }[] };
    readonly retry_policy?: { readonly retry_on?: string; readonly num_retries?: number };
  };
  readonly direct_response?: { readonly status: number; readonly body?: { readonly inline_string?: string } };
}

interface Dump {
  readonly configs?: readonly {
    readonly route_config?: {
      readonly virtual_hosts?: readonly { readonly domains: readonly string[]; readonly routes?: EnvoyRoute[] }[];
    };
  }[];
}

/** The routes that an Envoy has for a host, in their order; none: it has no such host. */
export async function routesFor(proxy: Proxy, host: string): Promise<EnvoyRoute[]> {
  const dump = JSON.parse(await proxy.admin('/config_dump?resource=dynamic_route_configs')) as Dump;
  return (dump.configs ?? [])
    .flatMap(({ route_config }) => route_config?.virtual_hosts ?? [])
    .filter(({ domains }) => domains.includes(host))
    .flatMap(({ routes }) => routes ?? []);
}

/** Weights by cluster; a route to one cluster alone gives it the weight 1. */
export function weightsOf({ route }: EnvoyRoute): Record<string, number> {
  if (route?.cluster !== undefined) return { [route.cluster]: 1 };
  return Object.fromEntries((route?.weighted_clusters?.clusters ?? []).map(({ name, weight }) => [name, weight ?? 0]));
}
