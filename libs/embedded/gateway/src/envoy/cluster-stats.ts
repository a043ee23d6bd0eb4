import type { BackendStats } from '../data-plane.ts';
import { EDS_CLUSTER } from './bootstrap.ts';

/** The parts of `/clusters?format=json` that are read. */
interface ClustersPage {
  readonly cluster_statuses?: readonly {
    readonly name: string;
    readonly host_statuses?: readonly HostStatus[];
  }[];
}

interface HostStatus {
  readonly address?: { readonly socket_address?: { readonly address: string; readonly port_value: number } };
  readonly stats?: readonly { readonly name: string; readonly value?: string }[];
  readonly health_status?: Readonly<Record<string, unknown>>;
}

/** What Envoy's admin page says of endpoints, without those of its own two static clusters. */
export function clusterStats(page: string): BackendStats[] {
  const own = new Set([EDS_CLUSTER, 'xds_cluster']);
  const { cluster_statuses = [] } = JSON.parse(page) as ClustersPage;
  return cluster_statuses
    .filter((c) => !own.has(c.name))
    .flatMap((c) => (c.host_statuses ?? []).map((h) => hostStats(c.name, h)));
}

function hostStats(cluster: string, host: HostStatus): BackendStats {
  const value = (name: string): number => Number(host.stats?.find((s) => s.name === name)?.value ?? 0);
  const at = host.address?.socket_address;
  const { eds_health_status: eds = 'HEALTHY', ...failures } = host.health_status ?? {};
  return {
    cluster,
    address: at === undefined ? '' : `${at.address.includes(':') ? `[${at.address}]` : at.address}:${at.port_value}`,
    requests: value('rq_total'),
    active: value('rq_active'),
    errors: value('rq_error'),
    inRotation: eds === 'HEALTHY',
    healthy: eds === 'HEALTHY' && Object.values(failures).every((failed) => failed !== true),
  };
}
