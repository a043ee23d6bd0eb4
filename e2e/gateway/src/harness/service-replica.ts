import { join } from 'node:path';
import { ManagedProcess } from './managed-process.ts';
import { sumOf } from './metrics.ts';

export const serviceNames = ['service-coordinator', 'operator', 'health-checker', 'extension-server'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** Where a replica listens. */
export interface ReplicaPorts {
  readonly grpc: number;
  /** Endpoint discovery; the extension server's alone. */
  readonly xds: number;
  readonly metrics: number;
  readonly health: number;
}

export interface ServiceReplicaOptions {
  readonly service: ServiceName;
  readonly index: number;
  readonly ports: ReplicaPorts;
  /** The folder that holds apps/, built. */
  readonly dist: string;
  readonly workDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** A file that it has as /etc/resolv.conf; undefined: the machine's. */
  readonly resolvConf?: string | undefined;
}

/** In a mount namespace of its own, so that nobody else sees the file; a pod has one, too. */
const withResolvConf = [
  ...['unshare', '--mount', '--propagation', 'private', '--'],
  ...['sh', '-ec', 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"', 'sh'],
];

const local = (port: number) => `127.0.0.1:${port}`;

/** A replica of one of the four services, a process of its own. */
export class ServiceReplica extends ManagedProcess {
  readonly ports: ReplicaPorts;

  constructor({ service, index, ports, dist, workDir, env, resolvConf }: ServiceReplicaOptions) {
    const name = `${service}-${index}`;
    const command = [process.execPath, '--enable-source-maps', join(dist, 'apps', service, 'main.js')];
    super({
      name,
      command: resolvConf === undefined ? command : [...withResolvConf, resolvConf, ...command],
      logFile: join(workDir, `${name}.log`),
      env: {
        BIND_HOST: '127.0.0.1',
        GRPC_PORT: String(ports.grpc),
        METRICS_BIND_ADDRESS: local(ports.metrics),
        HEALTH_PROBE_BIND_ADDRESS: local(ports.health),
        POD_NAME: name,
        POD_NAMESPACE: 'tailscale-gateway-system',
        ...env,
      },
      ready: async () =>
        (await fetch(`http://${local(ports.health)}/readyz`, { signal: AbortSignal.timeout(1_000) })).ok,
    });
    this.ports = ports;
  }

  /** The sum of a metric's samples that have these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const answer = await fetch(`http://${local(this.ports.metrics)}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return sumOf(await answer.text(), name, labels);
  }
}
