import { isNotFound, type KubeClient, type KubeObject, type Resource } from '@tsgateway/kube';
import type { ReadSecret } from './credential-store.ts';

interface Secret extends KubeObject {
  data?: Record<string, string>;
}

const secrets: Resource<Secret> = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true };

/** Reads Secrets from the Kubernetes API. Throws `KubeError`. */
export function secretReader(client: Pick<KubeClient, 'get'>): ReadSecret {
  return async (ref, signal) => {
    try {
      const { metadata, data } = await client.get(secrets, ref, { signal });
      return { resourceVersion: metadata.resourceVersion ?? '', data: data ?? {} };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
}
