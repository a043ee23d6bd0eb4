import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { ExtensionResource } from '@tsgateway/protos/proto/extension/context';
import type { PostClusterModifyResponse, PostTranslateModifyResponse } from '@tsgateway/protos/proto/extension/service';
import { EnvoyGatewayExtensionClient } from '@tsgateway/protos/proto/extension/service';
import { clientOptions } from '@tsgateway/rpc';
import type { KubeObject } from '../resources.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Translation } from '../translate.ts';

/** A hook that failed: the snapshot is not to be used. */
export class HookError extends Error {}

/** Envoy Gateway has none and hangs; here the call ends, is logged, and is tried again. */
const CALL_DEADLINE_MS = 15_000;
/** As in the `maxMessageSize` that the deployment recommends. */
const MAX_MESSAGE_BYTES = 1_000_000_000;

/**
 * Calls the extension server as Envoy Gateway does: unary, one call after the other; the Cluster hook for each cluster of a rule with
 * custom backends, then the Translation hook with all clusters, routes and
 * listeners (`translation.listener.includeAll` and `route.includeAll`, without secrets). A server that is away is waited for.
 */
export class ExtensionHooks {
  readonly #client: EnvoyGatewayExtensionClient;

  /** @param address `host:port` of the extension server. */
  constructor(address: string) {
    this.#client = new EnvoyGatewayExtensionClient(
      address,
      credentials.createInsecure(),
      clientOptions({ maxMessageBytes: MAX_MESSAGE_BYTES }),
    );
  }

  /** @throws HookError where a hook fails. */
  async apply(t: Translation, signal: AbortSignal): Promise<Snapshot> {
    const backends = new Map(t.customRules.map((r) => [r.cluster, r.backends]));
    const clusters: Cluster[] = [];
    for (const cluster of t.clusters) {
      const refs = backends.get(cluster.name);
      clusters.push(refs ? await this.#postCluster(cluster, { refs, signal }) : cluster);
    }
    return { endpoints: t.endpoints, ...(await this.#postTranslate({ ...t, clusters }, signal)) };
  }

  async #postCluster(cluster: Cluster, of: { refs: readonly KubeObject[]; signal: AbortSignal }): Promise<Cluster> {
    const answer = await this.#call<PostClusterModifyResponse>(
      `PostClusterModify of ${cluster.name}`,
      of.signal,
      (call) =>
        this.#client.postClusterModify(
          { cluster, postClusterContext: { backendExtensionResources: of.refs.map(extensionResource) } },
          call.metadata,
          call.options,
          call.done,
        ),
    );
    // No answer means no change.
    return answer.cluster ?? cluster;
  }

  /** What comes back replaces what was sent. Endpoints and secrets are not sent. */
  #postTranslate(t: Translation, signal: AbortSignal): Promise<Omit<Snapshot, 'endpoints'>> {
    return this.#call('PostTranslateModify', signal, (call: Call<PostTranslateModifyResponse>) =>
      this.#client.postTranslateModify(
        {
          postTranslateContext: { extensionResources: t.policies.map(extensionResource) },
          clusters: t.clusters,
          routes: t.routeConfigurations,
          secrets: [],
          listeners: t.listeners,
        },
        call.metadata,
        call.options,
        call.done,
      ),
    ).then(({ clusters, routes, listeners }) => ({ clusters, routeConfigurations: routes, listeners }));
  }

  #call<T>(what: string, signal: AbortSignal, start: (call: Call<T>) => { cancel(): void }): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      signal.throwIfAborted();
      const metadata = new Metadata({ waitForReady: true });
      const cancel = () => {
        running.cancel();
      };
      const running = start({
        metadata,
        options: { deadline: Date.now() + CALL_DEADLINE_MS },
        done: (error, answer) => {
          signal.removeEventListener('abort', cancel);
          if (error === null && answer !== undefined) resolve(answer);
          else reject(new HookError(`${what}: ${describe(error)}`, { cause: error }));
        },
      });
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  close(): void {
    this.#client.close();
  }
}

interface Call<T> {
  readonly metadata: Metadata;
  readonly options: { deadline: number };
  readonly done: (error: ServiceError | null, answer?: T) => void;
}

const extensionResource = (object: KubeObject): ExtensionResource => ({
  unstructuredBytes: Buffer.from(JSON.stringify(object)),
});

function describe(error: ServiceError | null): string {
  if (error === null) return 'an empty answer';
  return error.code === status.DEADLINE_EXCEEDED
    ? `no answer in ${CALL_DEADLINE_MS / 1000} s (is the extension server running?)`
    : `${status[error.code]}: ${error.details}`;
}
