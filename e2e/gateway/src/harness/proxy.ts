import { ManagedProcess, type ManagedProcessOptions } from './managed-process.ts';

/** An endpoint of a cluster, as Envoy's main thread sees it. */
export interface ProxyEndpoint {
  /** `host:port` */
  readonly address: string;
  /** By the endpoint discovery, and by outlier detection. */
  readonly healthy: boolean;
  readonly priority: number;
  readonly weight: number;
  /** The locality's region: the group. */
  readonly group: string;
  /** Requests that it got. */
  readonly requests: number;
}

interface HostStatus {
  readonly address: { readonly socket_address?: { readonly address: string; readonly port_value: number } };
  readonly stats?: readonly { readonly name: string; readonly value?: string }[];
  readonly health_status?: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  readonly weight?: number;
  readonly locality?: { readonly region?: string };
}

const adminDeadlineMs = 5_000;

/** An Envoy of a Gateway: what runs in one of its pods. */
export class Proxy extends ManagedProcess {
  /** `http://127.0.0.1:port` */
  readonly adminUrl: string;

  constructor(options: Omit<ManagedProcessOptions, 'ready'> & { adminPort: number }) {
    const { adminPort, ...spec } = options;
    const adminUrl = `http://127.0.0.1:${adminPort}`;
    super({
      ...spec,
      ready: async () => (await fetch(`${adminUrl}/ready`, { signal: AbortSignal.timeout(1_000) })).ok,
    });
    this.adminUrl = adminUrl;
  }

  /** The body of a page of the admin interface. @throws Error where it does not answer with 200 */
  async admin(path: string, method = 'GET'): Promise<string> {
    const answer = await fetch(`${this.adminUrl}${path}`, { method, signal: AbortSignal.timeout(adminDeadlineMs) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${this.name} answers ${method} ${path} with ${answer.status}: ${text}`);
    return text;
  }

  /** Endpoints by cluster. */
  async clusters(): Promise<Map<string, ProxyEndpoint[]>> {
    const page = JSON.parse(await this.admin('/clusters?format=json')) as {
      cluster_statuses?: { name: string; host_statuses?: HostStatus[] }[];
    };
    return new Map((page.cluster_statuses ?? []).map((c) => [c.name, (c.host_statuses ?? []).map(toEndpoint)]));
  }

  /** The endpoints of one cluster; undefined: there is no such cluster. */
  async endpoints(cluster: string): Promise<ProxyEndpoint[] | undefined> {
    return (await this.clusters()).get(cluster);
  }

  /** The sum of the counters and gauges whose whole name the expression matches. */
  async stat(name: RegExp): Promise<number> {
    const lines = (await this.admin('/stats')).split('\n').map((line) => line.split(': '));
    return lines.reduce((sum, [key = '', value]) => sum + (name.exec(key)?.[0] === key ? Number(value) : 0), 0);
  }
}

function toEndpoint(host: HostStatus): ProxyEndpoint {
  const at = host.address.socket_address;
  const { eds_health_status: eds = 'HEALTHY', ...failures } = host.health_status ?? {};
  return {
    address: at === undefined ? '' : `${at.address}:${at.port_value}`,
    healthy: eds === 'HEALTHY' && Object.values(failures).every((failed) => failed !== true),
    priority: host.priority ?? 0,
    weight: host.weight ?? 0,
    group: host.locality?.region ?? '',
    requests: Number(host.stats?.find((s) => s.name === 'rq_total')?.value ?? 0),
  };
}
