import { isNotFound, KubeError, type KubeClient } from '@tsgateway/kube';
import type { Logger } from '@tsgateway/process';
import { namespaces } from './resources.ts';

/**
 * The id by which this operator is known in a tailnet's registry: the UID of the namespace kube-system, which lives as
 * long as the cluster. Where that cannot be read, the UID of the operator's own namespace; where neither can, a name
 * that is the same after a restart, and a warning: two such clusters in one tailnet would be taken for one.
 * Throws where the API server does not answer.
 */
export async function operatorId(options: {
  readonly client: Pick<KubeClient, 'get'>;
  readonly namespace: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { client, namespace, log, signal } = options;
  for (const name of ['kube-system', namespace]) {
    try {
      const { metadata } = await client.get(namespaces, { name }, { signal });
      if (metadata.uid !== undefined) return metadata.uid;
    } catch (error) {
      if (!isNotFound(error) && !(error instanceof KubeError && error.status === 403)) throw error;
      log.warn(
        { namespace: name, err: (error as Error).message },
        'the namespace whose UID identifies the operator cannot be read',
      );
    }
  }
  const id = `operator-in-${namespace}`;
  log.warn(
    { operatorId: id },
    'this operator has no id of its own: VIP services must not be shared with another cluster',
  );
  return id;
}
