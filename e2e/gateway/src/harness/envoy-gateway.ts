import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
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
  /** Of its ServiceAccount. */
  readonly kubeconfig: string;
  readonly adminKubeconfig: string;
  readonly client: KubeClient;
  readonly workDir: string;
  /** The configuration that is deployed; only the address of the extension server is replaced. */
  readonly config: string;
  readonly extensionServerPort: number;
}

/** @throws Error where a port that Envoy Gateway insists on is in use, or we may not give it a file system of its own */
export async function requireRoomForEnvoyGateway(): Promise<void> {
  await requireFree(ports, 'Envoy Gateway');
  if (process.getuid?.() !== 0)
    throw new Error(
      'this needs root: Envoy Gateway reads its certificates at /certs, so it gets a root folder of its own (chroot)',
    );
}

/** The folder with the CRDs of the Gateway API and of Envoy Gateway, as its Helm chart has them. */
export async function envoyGatewayCrds(): Promise<string> {
  const module = `${moduleName}@v${versions['envoy-gateway']}`;
  const answer = await runCommand(['go', 'mod', 'download', '-json', module], { deadlineMs: 180_000, cwd: '/' });
  return join((JSON.parse(answer) as { Dir: string }).Dir, 'charts/gateway-helm/charts/crds/crds');
}

/** Makes the certificates of Envoy Gateway and its proxies, as Secrets; the namespace must exist. */
async function makeCertificates({
  binary,
  adminKubeconfig,
  client,
}: EnvoyGatewayOptions): Promise<Record<string, string>> {
  await runCommand([binary, 'certgen', '--disable-topology-injector'], {
    deadlineMs: 30_000,
    env: { KUBECONFIG: adminKubeconfig, ENVOY_GATEWAY_NAMESPACE: envoyGatewayNamespace },
  });
  return (await client.get(secrets, { namespace: envoyGatewayNamespace, name: 'envoy-gateway' })).data ?? {};
}

/** What a suite may change of the configuration that is deployed. */
export interface EnvoyGatewayConfig {
  provider: object;
  extensionManager: { service: object; hooks: { xdsTranslator: { post: string[] } } };
}

const configFile = (workDir: string) => join(workDir, 'envoy-gateway', 'envoy-gateway.yaml');

/** Changes the configuration; Envoy Gateway has it once it is started again. */
export async function editEnvoyGatewayConfig(
  workDir: string,
  edit: (config: EnvoyGatewayConfig) => void,
): Promise<void> {
  const config = parse(await readFile(configFile(workDir), 'utf8')) as EnvoyGatewayConfig;
  edit(config);
  await writeFile(configFile(workDir), stringify(config));
}

/**
 * Envoy Gateway, not started. The CRDs and our RBAC must be there first, as in a cluster. Its file system is a folder with
 * nothing else in it, as in its image: it finds its certificates at /certs, and writes nowhere else.
 */
export async function envoyGateway(options: EnvoyGatewayOptions): Promise<ManagedProcess> {
  const root = join(options.workDir, 'envoy-gateway');
  await Promise.all(['certs', 'tmp'].map((folder) => mkdir(join(root, folder), { recursive: true })));
  for (const [key, value] of Object.entries(await makeCertificates(options))) {
    await writeFile(join(root, 'certs', key), Buffer.from(value, 'base64'), { mode: 0o600 });
  }
  const config = parse(await readFile(options.config, 'utf8')) as EnvoyGatewayConfig;
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
  await writeFile(configFile(options.workDir), stringify(config));
  await copyFile(options.kubeconfig, join(root, 'kubeconfig'));
  await copyFile(options.binary, join(root, 'envoy-gateway'));
  return new ManagedProcess({
    name: 'envoy-gateway',
    command: ['chroot', root, '/envoy-gateway', 'server', '-c', '/envoy-gateway.yaml'],
    env: { KUBECONFIG: '/kubeconfig', ENVOY_GATEWAY_NAMESPACE: envoyGatewayNamespace },
    logFile: join(options.workDir, 'envoy-gateway.log'),
    ready: async () => (await fetch('http://127.0.0.1:8081/readyz', { signal: AbortSignal.timeout(1_000) })).ok,
  });
}
