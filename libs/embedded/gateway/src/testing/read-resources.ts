import type { KubeObject, Resources } from '../resources.ts';
import { noResources } from '../resources.ts';

const LISTS: Readonly<Record<string, keyof Resources>> = {
  GatewayClass: 'gatewayClasses',
  Gateway: 'gateways',
  HTTPRoute: 'httpRoutes',
  ReferenceGrant: 'referenceGrants',
  TailscaleServices: 'customBackends',
  TailscaleEndpoints: 'customBackends',
  TailscaleGatewaySync: 'policies',
  Service: 'services',
  EndpointSlice: 'endpointSlices',
  Namespace: 'namespaces',
};

/** Sorts objects of a manifest into the lists of a translation. */
export function readResources(objects: readonly KubeObject[]): Resources {
  const out: Record<string, KubeObject[]> = {};
  for (const o of objects) {
    const list = LISTS[o.kind ?? ''];
    if (!list) throw new Error(`no list for kind ${o.kind ?? ''}`);
    (out[list] ??= []).push(o);
  }
  return { ...noResources, ...(out as unknown as Partial<Resources>) };
}
