import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBinaries, freePorts, startApi, type ApiCluster } from '@tsgateway/cluster';
import { startTailnetApi, type RunningTailnetApi } from '@tsgateway/embedded-tailnet';
import { KubeClient } from '@tsgateway/kube';
import { createLogger } from '@tsgateway/process';
import { edsClusterName } from '@tsgateway/xds';
import { Backend } from './backend.ts';
import { ClusterIp } from './cluster-ip.ts';
import {
  envoyGateway,
  envoyGatewayAccount,
  envoyGatewayCrds,
  envoyGatewayNamespace,
  requireRoomForEnvoyGateway,
} from './envoy-gateway.ts';
import { Kubectl } from './kubectl.ts';
import type { ManagedProcess } from './managed-process.ts';
import type { Proxy } from './proxy.ts';
import { ProxyNode } from './proxy-node.ts';
import { type ReplicaPorts, type ServiceName, serviceNames, ServiceReplica } from './service-replica.ts';

/** The root of the repository. */
export const repository = join(import.meta.dirname, '../../../..');

export interface StackOptions {
  /** Default: two extension servers, one of each other service. */
  readonly replicas?: Partial<Readonly<Record<ServiceName, number>>>;
  /** More of the environment of a service's replicas. */
  readonly env?: Partial<Readonly<Record<ServiceName, Readonly<Record<string, string>>>>>;
  /** The IP address of the name server that our services ask, at port 53. Default: the machine's. */
  readonly nameServer?: string;
}

/** Everything that runs: a Kubernetes API, Envoy Gateway, its proxies, and the four services. */
export interface Stack {
  /** For logs and whatever a suite writes; gone after `stop`, unless E2E_LOGS says where to keep it. */
  readonly workDir: string;
  readonly api: ApiCluster;
  readonly client: KubeClient;
  readonly kubectl: Kubectl;
  readonly tailnet: RunningTailnetApi;
  readonly envoyGateway: ManagedProcess;
  readonly services: Readonly<Record<ServiceName, readonly ServiceReplica[]>>;
  readonly node: ProxyNode;
  /** A ready proxy of a Gateway (`namespace/name`) that knows our endpoint discovery: of one with a route of ours. */
  proxy(gateway: string): Promise<Proxy>;
  /** Starts a backend, by default on loopback at any free port. It ends with the stack. */
  startBackend(name: string, at?: { host?: string; port?: number }): Promise<Backend>;
  /** The sum of a metric over all replicas of a service. */
  metric(service: ServiceName, name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Kills all processes, newest first, and removes the files. */
  stop(): Promise<void>;
}

const progress = (line: string) => void process.stderr.write(`${line}\n`);

/** For `beforeAll`: on a new machine, Envoy Gateway and the API server are built first. Each wait has a deadline of its own. */
export const startDeadlineMs = 40 * 60_000;

const systemNamespace = 'tailscale-gateway-system';

/** Where a listener's port is reached: Envoy Gateway moves privileged ones out of the way. */
export const urlOf = (port: number): string => `http://127.0.0.1:${port < 1024 ? port + 10_000 : port}`;

/**
 * Starts the whole stack; about 20 s once the binaries are in the cache. What was started ends with this process in any
 * case; `stop` ends it in order.
 * @throws Error that names what did not start, with the end of its log; by then nothing is left
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const closers: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await start(options, { onStop: (close) => closers.push(close), stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: StackOptions,
  life: { onStop: (close: () => Promise<void>) => void; stop: () => Promise<void> },
): Promise<Stack> {
  const { onStop } = life;
  const binaries = await ensureBinaries(['envoy', 'envoy-gateway', 'kube-apiserver', 'kube-controller-manager'], {
    log: progress,
  });
  await requireRoomForEnvoyGateway();
  const workDir = await makeWorkDir(onStop);

  // The Kubernetes API, with what an administrator applies first.
  const api = await startApi({ dir: join(workDir, 'api'), log: progress });
  onStop(() => api.stop());
  const kubeconfig = api.adminKubeconfig;
  const client = KubeClient.connect({ kubeconfigPath: kubeconfig, userAgent: 'gateway-e2e' });
  onStop(() => Promise.resolve(client.close()));
  const kubectl = new Kubectl({ kubeconfig, workDir });
  await prepareCluster(kubectl);

  // Our services.
  const tailnet = await startTailnetApi({
    tailnet: 'demo.ts.net',
    clients: [{ id: 'demo-client', secret: 'demo-secret', scopes: ['all'] }],
  });
  onStop(() => tailnet.close());
  tailnet.state.addDevice({ hostname: 'gateway', tags: ['tag:demo'] });
  const { services, hooksPort } = await startServices({
    options,
    workDir,
    onStop,
    api,
    tailnetUrl: tailnet.url,
  });

  // Envoy Gateway, and the node of its proxies.
  const gatewayOptions = {
    binary: binaries['envoy-gateway'],
    kubeconfig: await api.kubeconfigFor({ serviceAccount: `${envoyGatewayNamespace}/envoy-gateway` }),
    adminKubeconfig: kubeconfig,
    client,
    workDir,
    config: join(repository, 'deploy/envoy-gateway/envoy-gateway.yaml'),
    extensionServerPort: hooksPort,
  };
  const gateway = await envoyGateway(gatewayOptions);
  onStop(() => gateway.kill());
  const node = new ProxyNode({
    client,
    namespace: envoyGatewayNamespace,
    envoy: binaries.envoy,
    workDir,
    log: createLogger({
      name: 'node',
      level: 'warn',
      format: 'console',
      write: (line) => process.stderr.write(line),
    }),
  });
  onStop(() => node.stop());
  node.start();
  await gateway.start();
  await Promise.all(Object.values(services).flatMap((replicas) => replicas.map((replica) => replica.ready())));

  return {
    ...{ workDir, api, client, kubectl, tailnet, services, node },
    envoyGateway: gateway,
    proxy: (name) => node.proxyWith(edsClusterName, name),
    startBackend: async (name, { host = '127.0.0.1', port } = {}) => {
      const backend = new Backend({ name, host, port: port ?? (await freePorts(1))[0] ?? 0, workDir });
      onStop(() => backend.kill());
      await backend.start();
      return backend;
    },
    metric: async (service, name, labels) => {
      const values = await Promise.all(services[service].map((replica) => replica.metric(name, labels)));
      return values.reduce((sum, value) => sum + value, 0);
    },
    stop: life.stop,
  };
}

async function makeWorkDir(onStop: (close: () => Promise<void>) => void): Promise<string> {
  const kept = process.env['E2E_LOGS'];
  if (kept !== undefined) await mkdir(kept, { recursive: true });
  const workDir = await mkdtemp(join(kept ?? tmpdir(), 'gateway-e2e-'));
  if (kept === undefined) onStop(() => rm(workDir, { recursive: true, force: true }));
  return workDir;
}

/** Kinds, namespaces, and what Envoy Gateway may do: its own rights as its chart gives them, and those that we deploy. */
async function prepareCluster(kubectl: Kubectl): Promise<void> {
  const crds = await envoyGatewayCrds();
  const serverSide = (...args: string[]) => kubectl.run('apply', '--server-side', ...args);
  await Promise.all([
    serverSide('-f', join(crds, 'gatewayapi-crds.yaml')),
    serverSide('-f', join(crds, 'generated')),
    serverSide('-k', join(repository, 'deploy/crds')),
    kubectl.apply(...[systemNamespace, envoyGatewayNamespace].map(namespace), ...envoyGatewayAccount),
  ]);
  await Promise.all([
    kubectl.run('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'),
    serverSide('-k', join(repository, 'deploy/envoy-gateway')),
  ]);
}

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

async function startServices(input: {
  options: StackOptions;
  workDir: string;
  onStop: (close: () => Promise<void>) => void;
  api: ApiCluster;
  tailnetUrl: string;
}): Promise<{ services: Stack['services']; hooksPort: number }> {
  const { options, workDir, onStop, api, tailnetUrl } = input;
  const count = {
    'service-coordinator': 1,
    operator: 1,
    'health-checker': 1,
    'extension-server': 2,
    ...options.replicas,
  };
  const ports = await portsOf(count);
  const clusterIp = async (name: ServiceName) => {
    const ip = await ClusterIp.open(ports[name].map((p) => p.grpc));
    onStop(() => ip.close());
    return ip;
  };
  const [operator, coordinator, hooks] = await Promise.all([
    clusterIp('operator'),
    clusterIp('service-coordinator'),
    clusterIp('extension-server'),
  ]);
  const addresses = (name: ServiceName, port: keyof ReplicaPorts) => ports[name].map((p) => `127.0.0.1:${p[port]}`);
  // One replica has nobody to wait for but itself, after a crash.
  const lease = (name: ServiceName) => ({ LEADER_ELECTION_ENABLED: String(count[name] > 1) });
  const env: Record<ServiceName, Record<string, string>> = {
    operator: {
      ...lease('operator'),
      KUBECONFIG: await kubeconfigOf(api, 'operator'),
      COORDINATOR_ADDRESS: coordinator.address,
      HEALTH_CHECKER_ADDRESSES: addresses('health-checker', 'grpc').join(),
      EXTENSION_SERVER_ADDRESSES: addresses('extension-server', 'grpc').join(),
      XDS_ADDRESSES: addresses('extension-server', 'xds').join(),
    },
    'service-coordinator': {
      ...lease('service-coordinator'),
      KUBECONFIG: await kubeconfigOf(api, 'service-coordinator'),
      TAILSCALE_API_URL: tailnetUrl,
    },
    'health-checker': { OPERATOR_ADDRESS: operator.address },
    'extension-server': { OPERATOR_ADDRESS: operator.address },
  };
  const resolvConf = await makeResolvConf(workDir, options.nameServer);
  const services = Object.fromEntries(
    serviceNames.map((service) => [
      service,
      ports[service].map(
        (at, index) =>
          new ServiceReplica({
            ...{ service, index, ports: at, workDir },
            dist: join(repository, 'dist'),
            resolvConf,
            env: {
              ...env[service],
              ...(service === 'extension-server' && { XDS_PORT: String(at.xds) }),
              ...options.env?.[service],
            },
          }),
      ),
    ]),
  ) as Record<ServiceName, ServiceReplica[]>;
  for (const replica of serviceNames.flatMap((name) => services[name])) {
    onStop(() => replica.kill());
    await replica.spawn();
  }
  return { services, hooksPort: hooks.port };
}

/** Each service is a user of its own, so that the audit log tells them apart. */
const kubeconfigOf = (api: ApiCluster, service: ServiceName): Promise<string> =>
  api.kubeconfigFor({ user: service, groups: ['system:masters'] });

async function makeResolvConf(workDir: string, nameServer: string | undefined): Promise<string | undefined> {
  if (nameServer === undefined) return undefined;
  const file = join(workDir, 'resolv.conf');
  await writeFile(file, `nameserver ${nameServer}\n`);
  return file;
}

/** All at once: two who look for free ports at the same time may find the same. */
async function portsOf(count: Readonly<Record<ServiceName, number>>): Promise<Record<ServiceName, ReplicaPorts[]>> {
  const free = await freePorts(4 * Object.values(count).reduce((sum, replicas) => sum + replicas, 0));
  const take = (replicas: number) =>
    Array.from({ length: replicas }, () => {
      const [grpc = 0, xds = 0, metrics = 0, health = 0] = free.splice(0, 4);
      return { grpc, xds, metrics, health };
    });
  return Object.fromEntries(serviceNames.map((name) => [name, take(count[name])])) as Record<
    ServiceName,
    ReplicaPorts[]
  >;
}
