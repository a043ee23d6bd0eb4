import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, versions } from '@tsgateway/cluster';
import type { KubeClient } from '@tsgateway/kube';
import { parse, stringify } from 'yaml';
import { ManagedProcess } from './managed-process.ts';
import { requireFree } from './ports.ts';
import { secrets } from './proxy-node.ts';

export const envoyGatewayNamespace = 'envoy-gateway-system';

/** xDS, wasm, health, metrics of the controllers, admin, metrics: all fixed. */
const ports = [18000, 18002, 8081, 8080, 19000, 19001];
/** Fixed, too: where it expects its Secret to be mounted. */
const certDir = '/certs';
const moduleName = 'github.com/envoyproxy/gateway';

/** Its ServiceAccount, with the rights on others' kinds that its chart gives; those on ours are for us to deploy. */
export const envoyGatewayAccount = [
  {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'envoy-gateway', namespace: envoyGatewayNamespace },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'envoy-gateway' },
    rules: [
      {
        apiGroups: [
          ...['', 'apps', 'autoscaling', 'policy', 'discovery.k8s.io', 'authentication.k8s.io'],
          ...['gateway.networking.k8s.io', 'gateway.envoyproxy.io', 'multicluster.x-k8s.io'],
        ],
        resources: ['*'],
        verbs: ['*'],
      },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'envoy-gateway' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'envoy-gateway' },
    subjects: [{ kind: 'ServiceAccount', name: 'envoy-gateway', namespace: envoyGatewayNamespace }],
  },
];

export interface EnvoyGatewayOptions {
  readonly binary: string;
  readonly kubeconfig: string;
  readonly client: KubeClient;
  readonly workDir: string;
  /** The configuration that is deployed; only the address of the extension server is replaced. */
  readonly config: string;
  readonly extensionServerPort: number;
}

/** @throws Error where a port or a folder that Envoy Gateway insists on is in use */
export async function requireRoomForEnvoyGateway(): Promise<void> {
  await requireFree(ports, 'Envoy Gateway');
  // Left by a run that was killed: it holds nothing but that run's certificates. Anything else is not ours.
  const marker = await readFile(join(certDir, '.made-by'), 'utf8').catch(() => undefined);
  if (marker === 'tailscale-gateway') await rm(certDir, { recursive: true });
  await mkdir(certDir).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      error.code === 'EEXIST'
        ? `${certDir} exists: Envoy Gateway reads its certificates there, and somebody else's would be overwritten`
        : `${certDir} cannot be made (${error.code}): Envoy Gateway reads its certificates there, so this needs root`,
    );
  });
  await writeFile(join(certDir, '.made-by'), 'tailscale-gateway');
}

/** What `requireRoomForEnvoyGateway` made. */
export async function clearRoomOfEnvoyGateway(): Promise<void> {
  await rm(certDir, { recursive: true, force: true });
}

/** The folder with the CRDs of the Gateway API and of Envoy Gateway, as its Helm chart has them. */
export async function envoyGatewayCrds(): Promise<string> {
  const module = `${moduleName}@v${versions['envoy-gateway']}`;
  const answer = await runCommand(['go', 'mod', 'download', '-json', module], { deadlineMs: 180_000, cwd: '/' });
  return join((JSON.parse(answer) as { Dir: string }).Dir, 'charts/gateway-helm/charts/crds/crds');
}

/** Makes the certificates of Envoy Gateway and its proxies; the namespace must exist. */
export async function makeCertificates(options: EnvoyGatewayOptions): Promise<void> {
  const { binary, kubeconfig, client } = options;
  await runCommand([binary, 'certgen', '--disable-topology-injector'], {
    deadlineMs: 30_000,
    env: { KUBECONFIG: kubeconfig, ENVOY_GATEWAY_NAMESPACE: envoyGatewayNamespace },
  });
  const { data = {} } = await client.get(secrets, { namespace: envoyGatewayNamespace, name: 'envoy-gateway' });
  for (const [key, value] of Object.entries(data)) {
    await writeFile(join(certDir, key), Buffer.from(value, 'base64'), { mode: 0o600 });
  }
}

/** Envoy Gateway, not started. The CRDs and our RBAC must be there first, as in a cluster. */
export async function envoyGateway(options: EnvoyGatewayOptions): Promise<ManagedProcess> {
  const { binary, kubeconfig, workDir } = options;
  const config = parse(await readFile(options.config, 'utf8')) as {
    provider: object;
    extensionManager: { service: object };
  };
  config.extensionManager.service = { ip: { address: '127.0.0.1', port: options.extensionServerPort } };
  config.provider = {
    ...config.provider,
    kubernetes: {
      // One replica has nobody to wait for but itself, after a crash.
      leaderElection: { disable: true },
      // Zones come from Nodes, and there are none. Proxies would wait 15 s at their start for their own addresses.
      proxyTopologyInjector: { disabled: true },
    },
  };
  const file = join(workDir, 'envoy-gateway.yaml');
  await writeFile(file, stringify(config));
  return new ManagedProcess({
    name: 'envoy-gateway',
    command: [binary, 'server', '-c', file],
    env: { KUBECONFIG: kubeconfig, ENVOY_GATEWAY_NAMESPACE: envoyGatewayNamespace },
    logFile: join(workDir, 'envoy-gateway.log'),
    ready: async () => (await fetch('http://127.0.0.1:8081/readyz', { signal: AbortSignal.timeout(1_000) })).ok,
  });
}
