import { apiVersionOf, type EventRecorder, type KubeClient, type Reconcile, type Store } from '@tsgateway/kube';
import { edsClusterName } from '@tsgateway/xds';
import { apiGateways, envoyProxies, type ApiGateway, type EnvoyProxy } from '../resources.ts';
import type { Attached } from './attached.ts';
import { ownProxyName, parametersRefTo } from './bootstrap-state.ts';

export interface EnvoyProxyReconcilerOptions {
  readonly client: Pick<KubeClient, 'apply' | 'patch'>;
  readonly store: Pick<Store<EnvoyProxy>, 'get'>;
  /** False: the cluster has no such kind. */
  readonly served: () => boolean;
  readonly attachedTo: (gateway: string) => Attached;
  /** As `envoyBootstrap` makes it. */
  readonly bootstrap: string;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly fieldManager: string;
}

/**
 * Gives the Envoys of a Gateway a bootstrap that knows the extension servers: an EnvoyProxy of ours where none is
 * named; an Event that says what is missing where one is. Changing a bootstrap restarts Envoys, so a Gateway is only
 * touched once Envoy Gateway attached a route of ours to it, or a TailscaleGateway of its own namespace names it: to
 * write a route that names somebody's Gateway is not enough. The EnvoyProxy stays until its Gateway is deleted.
 */
export function envoyProxyReconciler(options: EnvoyProxyReconcilerOptions): Reconcile {
  const { client, store, served, attachedTo, bootstrap, events, fieldManager } = options;
  return async (key, signal) => {
    const attached = attachedTo(key);
    const { gateway, bootstrap: state } = attached;
    if (gateway === undefined || gateway.metadata.deletionTimestamp !== undefined || !isOursToTouch(attached)) {
      return undefined;
    }
    if (state.kind === 'named' && !state.configured && attached.namedBy.length === 0) {
      events.record(apiGateways, gateway, {
        type: 'Warning',
        reason: 'SnippetNeeded',
        action: 'CheckBootstrap',
        note: `EnvoyProxy ${state.proxy} has no cluster ${edsClusterName} in spec.bootstrap: routes to Tailscale backends get no endpoints. A TailscaleGateway that names this Gateway shows in its condition BootstrapConfigured what to add.`,
      });
    }
    if (state.kind !== 'own' || !served()) return undefined;
    const proxy = store.get(state.proxy);
    if (proxy?.spec?.bootstrap?.value !== bootstrap) {
      await client.apply(envoyProxies, envoyProxyOf(gateway, bootstrap), { fieldManager, signal });
    }
    // After it, so that the reference never leads nowhere.
    if (gateway.spec?.infrastructure?.parametersRef === undefined) {
      const { name, namespace, uid } = gateway.metadata;
      const body = {
        apiVersion: apiVersionOf(apiGateways),
        kind: apiGateways.kind,
        // The uid keeps the patch from making a Gateway that was just deleted.
        metadata: { name, namespace, uid },
        spec: { infrastructure: { parametersRef: parametersRefTo(ownProxyName(name)) } },
      };
      // Not by force: who names another EnvoyProxy at this moment wins, and the conflict has us look again.
      await client.patch(apiGateways, { namespace, name }, { type: 'apply', body, fieldManager, signal });
    }
    return undefined;
  };
}

const isOursToTouch = ({ gateway, accepted, namedBy }: Attached): boolean =>
  accepted || namedBy.some((g) => g.metadata.namespace === gateway?.metadata.namespace);

function envoyProxyOf(gateway: ApiGateway, bootstrap: string) {
  const { name, namespace, uid = '' } = gateway.metadata;
  return {
    metadata: {
      name: ownProxyName(name),
      namespace,
      labels: { 'app.kubernetes.io/managed-by': 'tailscale-gateway-operator' },
      ownerReferences: [{ apiVersion: apiVersionOf(apiGateways), kind: apiGateways.kind, name, uid }],
    },
    spec: { bootstrap: { type: 'Merge', value: bootstrap } },
  };
}
