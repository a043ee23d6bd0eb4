import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendStats } from '@tsgateway/embedded-gateway';
import { Child, type ChildOptions } from './child.ts';
import { ApiRefusal, ClusterClient } from './cluster-client.ts';
import { until } from './condition.ts';
import { type DemoBackend, demoBackends, startDemoBackend } from './demo-backends.ts';
import type { Manifest } from './manifests.ts';
import { type Options, UsageError } from './options.ts';
import { choosePorts, requireFree } from './ports.ts';

export const serviceNames = ['service-coordinator', 'operator', 'health-checker', 'extension-server'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** Everything that runs: the four services, the embedded parts, and the demo backends. */
export interface Stack {
  readonly workDir: string;
  readonly kubeconfigPath: string;
  readonly client: ClusterClient;
  /** `http://127.0.0.1:port` */
  readonly gatewayUrl: string;
  /** Which data plane serves, and why that one. */
  readonly dataPlane: { readonly kind: string; readonly detail: string };
  readonly services: Readonly<Record<ServiceName, Child>>;
  /** The embedded gateway, which keeps Envoy running. */
  readonly gateway: Child;
  readonly ports: Readonly<Record<string, number>>;
  readonly backends: readonly DemoBackend[];
  /** Asks the data plane. */
  stats(): Promise<BackendStats[]>;
}

export interface StackInput {
  readonly options: Options;
  readonly manifests: readonly Manifest[];
  /** The folder that holds apps/ and tools/, built. */
  readonly dist: string;
  /** For logs, the kubeconfig, and Envoy's files. */
  readonly workDir: string;
  readonly progress: (line: string) => void;
  /** Told of each process that is about to be started, and must be stopped: last first. */
  readonly onChild: (child: Child) => void;
  /** Told of the death of a part that cannot be started again: what it kept is lost. */
  readonly onFatal: (error: Error) => void;
  readonly signal: AbortSignal;
}

const documentedPorts = {
  kube: 6443,
  tailnet: 8787,
  model: 5010,
  coordinator: 5020,
  checker: 5030,
  hooks: 5005,
  eds: 5006,
  'service-coordinator:metrics': 0,
  'service-coordinator:health': 0,
  'operator:metrics': 0,
  'operator:health': 0,
  'health-checker:metrics': 0,
  'health-checker:health': 0,
  'extension-server:metrics': 0,
  'extension-server:health': 0,
};

const anyPorts = Object.fromEntries(Object.keys(documentedPorts).map((name) => [name, 0])) as typeof documentedPorts;

const startDeadlineMs = 60_000;
/** Envoy may have to be installed first. */
const gatewayDeadlineMs = 180_000;

/** Starts all parts, in order, and applies the manifests. @throws UsageError for what the user can mend. */
export async function startStack(input: StackInput): Promise<Stack> {
  const { options, manifests, progress, signal } = input;
  const gatewayPort = options.gatewayPort ?? portOfGateway(manifests);
  const planned = demoBackends(manifests);
  await requireFree(gatewayPort, { by: 'the gateway', fix: 'choose another with --gateway-port' });
  for (const b of planned) {
    if (b.port === gatewayPort) {
      throw new UsageError(
        `port ${b.port} is the gateway's and the backend ${b.id}'s: choose another with --gateway-port`,
      );
    }
    await requireFree(b.port, {
      by: `the backend ${b.id}`,
      fix: `stop what listens there, or change its externalTarget`,
    });
  }

  const { workDir } = input;
  mkdirSync(join(workDir, 'logs'));
  // Users look for the documented ports; a run that nobody watches keeps out of the way.
  const ports = await choosePorts(options.once ? anyPorts : documentedPorts, [
    gatewayPort,
    ...planned.map((b) => b.port),
  ]);
  const child = (name: string, module: string, more: Partial<ChildOptions> = {}) => {
    const made = new Child({
      name,
      module: built(input.dist, module),
      logFile: logFile(workDir, name),
      onDeath: 'restart',
      ...more,
    });
    input.onChild(made);
    return made;
  };

  const cluster = child('cluster', 'tools/local/cluster.js', {
    args: [JSON.stringify({ kube: ports.kube, tailnet: ports.tailnet })],
    onDeath: (how) =>
      input.onFatal(new Error(`the embedded Kubernetes API ended (${how}), and with it all objects; see cluster.log`)),
  });
  cluster.start();
  const { kubeconfig, tailnetUrl } = await cluster.message(
    (m) => m.ready as { kubeconfig: string; tailnetUrl: string } | undefined,
    { signal },
  );
  const kubeconfigPath = join(workDir, 'kubeconfig');
  writeFileSync(kubeconfigPath, kubeconfig, { mode: 0o600 });
  const client = new ClusterClient(kubeconfigPath);
  progress(`Kubernetes API (embedded) on port ${ports.kube}, tailnet API (embedded) on port ${ports.tailnet}`);

  const backends: DemoBackend[] = [];
  for (const b of planned) {
    const process = child(`backend ${b.id}`, 'tools/local/backend.js', {
      args: [b.id, String(b.port)],
      onDeath: 'leave',
    });
    backends.push(await startDemoBackend(b, process));
    signal.throwIfAborted();
  }
  if (backends.length > 0) progress(`${backends.length} demo backends`);

  await applyAll(client, manifests, progress);
  progress(`${manifests.length} objects applied from ${options.files.join(', ')}`);

  const services = Object.fromEntries(
    serviceNames.map((name) => [
      name,
      child(name, `apps/${name}/main.js`, {
        env: serviceEnv(name, { ports, kubeconfigPath, tailnetUrl }),
        preload: built(input.dist, 'tools/local/end-with-parent.js'),
      }),
    ]),
  ) as Record<ServiceName, Child>;
  for (const name of serviceNames) services[name].start();
  await Promise.all(serviceNames.map((name) => untilReady(services[name], { ports, workDir, signal })));
  progress(`${serviceNames.join(', ')}: ready`);

  const gateway = child('gateway', 'tools/local/gateway.js', {
    args: [
      JSON.stringify({
        kubeconfigPath,
        extensionServer: `127.0.0.1:${ports.hooks}`,
        eds: `127.0.0.1:${ports.eds}`,
        dataPlane: options.dataPlane,
        gatewayPort,
        workDir,
      }),
    ],
  });
  gateway.start();
  const dataPlane = await gateway.message(
    (m) => {
      if (typeof m.progress === 'string') progress(m.progress);
      return m.ready as Stack['dataPlane'] | undefined;
    },
    { deadlineMs: gatewayDeadlineMs, signal },
  );
  progress(`gateway on http://127.0.0.1:${gatewayPort}, data plane ${dataPlane.kind}: ${dataPlane.detail}`);

  let asked = 0;
  return {
    workDir,
    kubeconfigPath,
    client,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    dataPlane,
    services,
    gateway,
    ports,
    backends,
    stats: () => {
      const id = ++asked;
      const answer = gateway.message((m) => (m.id === id ? (m.stats as BackendStats[]) : undefined));
      gateway.send({ stats: id });
      return answer;
    },
  };
}

/** Namespaces first, also those that the manifests only use: on a cluster of one's own they would be there. */
async function applyAll(
  client: ClusterClient,
  manifests: readonly Manifest[],
  progress: (line: string) => void,
): Promise<void> {
  const given = manifests.filter((m) => m.kind === 'Namespace');
  const names = new Set(given.map((m) => m.metadata.name)).add('default');
  const used = new Set(manifests.flatMap((m) => m.metadata.namespace ?? []));
  for (const name of [...used].filter((n) => !names.has(n))) {
    await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    progress(`namespace ${name} created: no manifest does it`);
  }
  for (const manifest of [...given, ...manifests.filter((m) => m.kind !== 'Namespace')]) {
    await client.apply(manifest).catch((error: unknown) => {
      if (!(error instanceof ApiRefusal)) throw error;
      throw new UsageError(`${manifest.kind} ${manifest.metadata.name}: ${error.message}`, { cause: error });
    });
  }
}

function built(dist: string, module: string): string {
  const path = join(dist, module);
  if (!existsSync(path)) throw new UsageError(`${path} is not built: npm run build`);
  return path;
}

/** Privileged ports need root: 80 becomes 8080. */
function portOfGateway(manifests: readonly Manifest[]): number {
  const gateway = manifests.find((m) => m.kind === 'Gateway');
  const listeners = (gateway?.spec as { listeners?: { port?: number }[] } | undefined)?.listeners;
  const port = listeners?.[0]?.port ?? 80;
  return port < 1024 ? port + 8000 : port;
}

function serviceEnv(
  name: ServiceName,
  at: { ports: Record<keyof typeof documentedPorts, number>; kubeconfigPath: string; tailnetUrl: string },
): Record<string, string> {
  const { ports } = at;
  const local = (port: number) => `127.0.0.1:${port}`;
  const shared = {
    BIND_HOST: '127.0.0.1',
    METRICS_BIND_ADDRESS: local(ports[`${name}:metrics`]),
    HEALTH_PROBE_BIND_ADDRESS: local(ports[`${name}:health`]),
    POD_NAME: `${name}-0`,
    POD_NAMESPACE: 'tailscale-gateway-system',
  };
  // One replica has nobody to wait for but itself, after a crash.
  const leases = { LEADER_ELECTION_ENABLED: 'false' };
  const own: Record<ServiceName, Record<string, string>> = {
    operator: {
      ...leases,
      KUBECONFIG: at.kubeconfigPath,
      GRPC_PORT: String(ports.model),
      COORDINATOR_ADDRESS: local(ports.coordinator),
      HEALTH_CHECKER_ADDRESSES: local(ports.checker),
    },
    'service-coordinator': {
      ...leases,
      KUBECONFIG: at.kubeconfigPath,
      GRPC_PORT: String(ports.coordinator),
      TAILSCALE_API_URL: at.tailnetUrl,
    },
    'health-checker': { GRPC_PORT: String(ports.checker), OPERATOR_ADDRESS: local(ports.model) },
    'extension-server': {
      GRPC_PORT: String(ports.hooks),
      XDS_PORT: String(ports.eds),
      OPERATOR_ADDRESS: local(ports.model),
    },
  };
  return { ...shared, ...own[name] };
}

/** The service's own word (`/readyz`), not the process table's. */
export async function isReady(name: ServiceName, ports: Stack['ports']): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${ports[`${name}:health`]}/readyz`, {
    signal: AbortSignal.timeout(1000),
  });
  return answer.ok;
}

async function untilReady(
  child: Child,
  at: { ports: Stack['ports']; workDir: string; signal: AbortSignal },
): Promise<void> {
  await until(() => isReady(child.name as ServiceName, at.ports), {
    what: `${child.name} ready (its log: ${logFile(at.workDir, child.name)})`,
    deadlineMs: startDeadlineMs,
    everyMs: 50,
    signal: at.signal,
  });
}

const logFile = (workDir: string, name: string) => join(workDir, 'logs', `${name.replaceAll(/[ /]/g, '-')}.log`);
