import { KubeConfig, type KubernetesObject, KubernetesObjectApi, PatchStrategy } from '@kubernetes/client-node';
import type { Manifest } from './manifests.ts';

export type Ref = Pick<Manifest, 'apiVersion' | 'kind'> & {
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

const fieldManager = 'tailscale-gateway-local';

/** What the local run asks of the Kubernetes API; kinds are found by discovery. */
export class ClusterClient {
  readonly #api: KubernetesObjectApi;

  constructor(kubeconfigPath: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigPath);
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  /** Server-side apply. */
  async apply(object: Manifest): Promise<void> {
    await this.#api.patch(
      object as KubernetesObject,
      undefined,
      undefined,
      fieldManager,
      true,
      PatchStrategy.ServerSideApply,
    );
  }

  async get<T>(ref: Ref): Promise<T> {
    return (await this.#api.read(ref)) as T;
  }

  async list<T>(apiVersion: string, kind: string, namespace: string): Promise<T[]> {
    return (await this.#api.list(apiVersion, kind, namespace)).items as T[];
  }

  /** JSON merge patch. */
  async merge(ref: Ref, patch: object): Promise<void> {
    await this.#api.patch(
      {
        ...ref,
        ...patch,
        metadata: { ...ref.metadata, ...(patch as { metadata?: object }).metadata },
      } as KubernetesObject,
      undefined,
      undefined,
      fieldManager,
      undefined,
      PatchStrategy.MergePatch,
    );
  }
}
