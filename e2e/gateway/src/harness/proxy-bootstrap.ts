import { parse, stringify } from 'yaml';

/** What a proxy finds on this machine, instead of in its pod and in the cluster's DNS. */
export interface LocalPlace {
  readonly podName: string;
  readonly adminPort: number;
  readonly statsPort: number;
  /** The folder with what the pod mounts at /sds. */
  readonly sdsDir: string;
}

interface Bootstrap {
  admin: { address: SocketAddress };
  node: { locality: { zone: string } };
  static_resources: {
    listeners?: { name: string; address: SocketAddress }[];
    clusters: StaticCluster[];
  };
}

interface StaticCluster {
  name: string;
  type: string;
  load_assignment?: { endpoints: { lb_endpoints: { endpoint: { address: SocketAddress } }[] }[] };
}

interface SocketAddress {
  socket_address: { address: string; port_value: number };
}

/**
 * The arguments by which Envoy Gateway starts Envoy in its pod, made to work on this machine: other ports for admin and
 * stats (Envoy Gateway's own are the same), Envoy Gateway at loopback, secrets in a folder. All else is as it was.
 */
export function localArguments(args: readonly string[], place: LocalPlace): string[] {
  const local = args.map((arg, i) => {
    if (args[i - 1] === '--config-yaml') return localBootstrap(arg, place);
    return arg.replaceAll('$(ENVOY_POD_NAME)', place.podName);
  });
  return [...local.filter((arg) => arg !== '--cpuset-threads'), '--concurrency', '2', '--disable-hot-restart'];
}

function localBootstrap(text: string, place: LocalPlace): string {
  const bootstrap = parse(text) as Bootstrap;
  bootstrap.admin.address.socket_address.port_value = place.adminPort;
  bootstrap.node.locality.zone = '';
  for (const listener of bootstrap.static_resources.listeners ?? []) {
    if (listener.name.startsWith('envoy-gateway-proxy-stats')) {
      listener.address.socket_address = { address: '127.0.0.1', port_value: place.statsPort };
    }
  }
  for (const cluster of bootstrap.static_resources.clusters) {
    if (cluster.name === 'prometheus_stats') move(cluster, (at) => (at.port_value = place.adminPort));
    if (cluster.name === 'xds_cluster') {
      cluster.type = 'STATIC';
      move(cluster, (at) => (at.address = '127.0.0.1'));
    }
  }
  return stringify(bootstrap).replaceAll('/sds/', `${place.sdsDir}/`);
}

function move(cluster: StaticCluster, to: (at: SocketAddress['socket_address']) => void): void {
  for (const { lb_endpoints } of cluster.load_assignment?.endpoints ?? []) {
    for (const { endpoint } of lb_endpoints) to(endpoint.address.socket_address);
  }
}
