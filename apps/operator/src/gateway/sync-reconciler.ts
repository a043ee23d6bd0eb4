import { annotations, type TailscaleGatewaySync } from '@tsgateway/api';
import { apiVersionOf, versionOf, type KubeClient, type Reconcile, type Store } from '@tsgateway/kube';
import type { MeshService } from '@tsgateway/model';
import { apiGateways, GATEWAY_API, syncs, type ApiGateway } from '../resources.ts';
import type { Attached } from './attached.ts';
import type { OwedTranslations } from './owed-translations.ts';
import { isEnvoyGateways } from './bootstrap-state.ts';
import { structureOf } from './structure.ts';

export interface SyncReconcilerOptions {
  readonly client: Pick<KubeClient, 'apply' | 'delete'>;
  readonly store: Pick<Store<TailscaleGatewaySync>, 'get'>;
  readonly attachedTo: (gateway: string) => Attached;
  readonly serviceOf: (key: string) => MeshService | undefined;
  /** Of the model that this replica serves. */
  readonly revision: () => bigint;
  readonly fieldManager: string;
  /** Of Gateways that are asked for whatever their structure. */
  readonly owed: Pick<OwedTranslations, 'has' | 'settle'>;
  readonly onWritten: () => void;
  readonly now: () => number;
}

/** Between two requests to translate a Gateway again: a translation of a large one takes longer. */
const MIN_INTERVAL_MS = 1_000;

/**
 * Keeps the TailscaleGatewaySync of a Gateway, by which Envoy Gateway is asked to translate again. Written only when
 * the structure differs from the one that it was written for, or a translation is owed: the hash of the structure stands
 * in an annotation, so that neither a restart nor another leader asks without need.
 */
export function syncReconciler(options: SyncReconcilerOptions): Reconcile {
  const { client, store, attachedTo, serviceOf, revision, fieldManager, owed, onWritten, now } = options;
  /** What was written last, until the cache has it. */
  const written = new Map<string, { readonly sync: TailscaleGatewaySync; readonly atMs: number }>();
  return async (key, signal) => {
    const { gateway, gatewayClass, routes, namedBy } = attachedTo(key);
    const cached = store.get(key);
    const wanted = isEnvoyGateways(gatewayClass) && routes.length + namedBy.length > 0;
    if (gateway === undefined || gateway.metadata.deletionTimestamp !== undefined || !wanted) {
      written.delete(key);
      owed.settle(key);
      // That of a Gateway which is gone goes with it.
      if (gateway !== undefined && cached !== undefined) {
        await client.delete(syncs, cached.metadata, { uid: cached.metadata.uid, signal });
      }
      return undefined;
    }
    const structure = structureOf(routes, serviceOf);
    const last = written.get(key);
    const newest = last && isNewer(last.sync, cached) ? last.sync : cached;
    if (newest !== undefined && isFor(newest, { gateway, structure }) && !owed.has(key)) return undefined;
    const wait = last === undefined ? 0 : last.atMs + MIN_INTERVAL_MS - now();
    if (wait > 0) return { requeueAfterMs: wait };
    const sync = await client.apply(syncs, syncOf({ gateway, structure, revision: revision() }), {
      fieldManager,
      signal,
    });
    owed.settle(key);
    written.set(key, { sync, atMs: now() });
    onWritten();
    return undefined;
  };
}

const isNewer = (written: TailscaleGatewaySync, cached: TailscaleGatewaySync | undefined): boolean =>
  cached === undefined
    ? false
    : written.metadata.uid === cached.metadata.uid &&
      versionOf(written.metadata.resourceVersion) > versionOf(cached.metadata.resourceVersion);

function isFor(
  sync: TailscaleGatewaySync,
  { gateway, structure }: { gateway: ApiGateway; structure: string },
): boolean {
  return (
    sync.metadata.annotations?.[annotations.structure] === structure &&
    sync.metadata.ownerReferences?.some((owner) => owner.uid === gateway.metadata.uid) === true &&
    // A revision is of the time before the write. A higher one comes from another cluster, and would be waited for.
    versionOf(sync.spec.revision) <= versionOf(sync.metadata.resourceVersion)
  );
}

function syncOf(options: { gateway: ApiGateway; structure: string; revision: bigint }) {
  const { gateway, structure, revision } = options;
  const { name, namespace, uid = '' } = gateway.metadata;
  return {
    metadata: {
      name,
      namespace,
      annotations: { [annotations.structure]: structure },
      ownerReferences: [{ apiVersion: apiVersionOf(apiGateways), kind: apiGateways.kind, name, uid }],
    },
    spec: { targetRefs: [{ group: GATEWAY_API, kind: apiGateways.kind, name }], revision: String(revision) },
  };
}
