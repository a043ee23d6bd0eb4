import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, jest } from '@jest/globals';
import { ensureBinaries, startApi } from '@tsgateway/cluster';
import { type ApiServer, type DefinitionLike, gatewayApiDefinitions } from '@tsgateway/embedded-kube';
import { type GenericObject, KubeClient, type Resource } from '@tsgateway/kube';

const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };
const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};
const SERVED_DEADLINE_MS = 30_000;

interface Definition extends GenericObject {
  spec: { group: string; scope: string; names: { plural: string; kind: string }; versions: { name: string }[] };
}

const log = (line: string): void => void process.stderr.write(`${line}\n`);

/** First in a spec: on a new machine the API server is built, which takes minutes; its start takes seconds. */
export function buildBeforehand(): void {
  jest.setTimeout(120_000);
  beforeAll(() => ensureBinaries(['kube-apiserver', 'kube-controller-manager'], { log }), 30 * 60_000);
}

/**
 * A kube-apiserver with its etcd and controller manager, as `startKubeApi` starts the embedded API: the same definitions
 * and namespaces are there.
 */
export async function startRealApi(options: { crds?: readonly DefinitionLike[] } = {}): Promise<ApiServer> {
  const dir = await mkdtemp(join(tmpdir(), 'real-api-'));
  const api = await startApi({ dir, log });
  const close = async (): Promise<void> => {
    await api.stop();
    await rm(dir, { recursive: true });
  };
  try {
    const client = KubeClient.connect({
      kubeconfigPath: api.adminKubeconfig,
      userAgent: 'spec',
      qps: 1000,
      burst: 1000,
    });
    try {
      await client.create(NAMESPACES, { metadata: { name: 'tailscale-gateway-system' } });
      const definitions = [...gatewayApiDefinitions(), ...(options.crds ?? [])] as unknown as Definition[];
      for (const definition of definitions) await client.create(DEFINITIONS, definition);
      for (const definition of definitions) await served(client, definition);
    } finally {
      await client.close();
    }
    const kubeconfig = await readFile(api.adminKubeconfig, 'utf8');
    return { kubeconfig: () => kubeconfig, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A definition is served a moment after it is stored. */
async function served(client: KubeClient, { spec }: Definition): Promise<void> {
  const { group, scope, names, versions } = spec;
  const resources = versions.map(({ name }) => ({
    group,
    version: name,
    ...names,
    namespaced: scope === 'Namespaced',
  }));
  const deadline = Date.now() + SERVED_DEADLINE_MS;
  for (const resource of resources) {
    for (;;) {
      try {
        await client.list(resource, { limit: 1 });
        break;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`${names.plural}.${group} is not served`, { cause: error });
        await delay(50);
      }
    }
  }
}
