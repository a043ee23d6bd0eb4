import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import type { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import type { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';

/** What a data plane serves: a translation after the hooks. */
export interface Snapshot {
  readonly listeners: readonly Listener[];
  readonly routeConfigurations: readonly RouteConfiguration[];
  readonly clusters: readonly Cluster[];
  /** For clusters that get their endpoints over ADS; one that is not there has none. */
  readonly endpoints: readonly ClusterLoadAssignment[];
}

/** A snapshot that no data plane may see; the text names the resource. */
export class InvalidSnapshot extends Error {}

/**
 * What Envoy would refuse, or worse, half apply: names that are empty or there twice.
 * @throws InvalidSnapshot
 */
export function checkSnapshot(snapshot: Snapshot): void {
  unique('cluster', snapshot.clusters);
  unique('route configuration', snapshot.routeConfigurations);
  unique('listener', snapshot.listeners);
  for (const configuration of snapshot.routeConfigurations) {
    unique(`virtual host of ${configuration.name}`, configuration.virtualHosts);
    unique(
      `domain of ${configuration.name}`,
      configuration.virtualHosts.flatMap((v) => v.domains).map((name) => ({ name: name.toLowerCase() })),
    );
  }
}

function unique(what: string, resources: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of resources) {
    if (name === '') throw new InvalidSnapshot(`a ${what} has no name`);
    if (seen.has(name)) throw new InvalidSnapshot(`${what} ${JSON.stringify(name)} is there twice`);
    seen.add(name);
  }
}
