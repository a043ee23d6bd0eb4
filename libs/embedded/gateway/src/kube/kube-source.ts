import { setTimeout as delay } from 'node:timers/promises';
import type { GenericObject, KubeClient, Log, Resource } from '@tsgateway/kube';
import { Informer, isNotFound } from '@tsgateway/kube';
import type { Resources } from '../resources.ts';
import { GATEWAY_GROUP, TAILSCALE_GROUP } from '../resources.ts';

type ListName = keyof Resources;

interface WatchedKind {
  readonly list: ListName;
  /** More than one where versions differ between installations: the first that is served is watched. */
  readonly resources: readonly Resource[];
  /** An API server may not have it: then there is none of it. */
  readonly optional: boolean;
}

const gatewayApi = (kind: string, version = 'v1'): Resource => ({
  group: GATEWAY_GROUP,
  version,
  kind,
  plural: kind === 'GatewayClass' ? 'gatewayclasses' : `${kind.toLowerCase()}s`,
  namespaced: kind !== 'GatewayClass',
});

const tailscale = (kind: string, plural: string): Resource => ({
  group: TAILSCALE_GROUP,
  version: 'v1alpha1',
  kind,
  plural,
  namespaced: true,
});

export const GATEWAY_CLASS = gatewayApi('GatewayClass');
export const GATEWAY = gatewayApi('Gateway');
export const HTTP_ROUTE = gatewayApi('HTTPRoute');
export const GATEWAY_SYNC = tailscale('TailscaleGatewaySync', 'tailscalegatewaysyncs');

export const SERVICE: Resource = { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true };
export const ENDPOINT_SLICE: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};

const WATCHED: readonly WatchedKind[] = [
  { list: 'gatewayClasses', resources: [GATEWAY_CLASS], optional: false },
  { list: 'gateways', resources: [GATEWAY], optional: false },
  { list: 'httpRoutes', resources: [HTTP_ROUTE], optional: false },
  { list: 'customBackends', resources: [tailscale('TailscaleServices', 'tailscaleservices')], optional: false },
  { list: 'customBackends', resources: [tailscale('TailscaleEndpoints', 'tailscaleendpoints')], optional: false },
  { list: 'services', resources: [SERVICE], optional: false },
  { list: 'endpointSlices', resources: [ENDPOINT_SLICE], optional: false },
  { list: 'policies', resources: [GATEWAY_SYNC], optional: false },
  {
    list: 'referenceGrants',
    resources: [gatewayApi('ReferenceGrant', 'v1beta1'), gatewayApi('ReferenceGrant')],
    optional: true,
  },
  {
    list: 'namespaces',
    resources: [{ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }],
    optional: true,
  },
];

const PROBE_RETRY_MS = 500;

/** The API server's objects of the kinds that a translation reads. */
export class KubeSource {
  readonly #client: KubeClient;
  readonly #log: Log;
  readonly #onChange: () => void;
  readonly #informers: { list: ListName; informer: Informer<GenericObject> }[] = [];
  #complete = false;

  /** @param onChange something that a translation reads has changed. */
  constructor(options: { client: KubeClient; log: Log; onChange: () => void }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#onChange = options.onChange;
  }

  /** Undefined until every kind has been listed once. */
  read(): Resources | undefined {
    if (!this.#complete || !this.#informers.every(({ informer }) => informer.store.hasSynced)) return undefined;
    const of = <T>(list: ListName): readonly T[] =>
      this.#informers.filter((i) => i.list === list).flatMap((i) => i.informer.store.list()) as unknown as T[];
    return {
      gatewayClasses: of('gatewayClasses'),
      gateways: of('gateways'),
      httpRoutes: of('httpRoutes'),
      referenceGrants: of('referenceGrants'),
      customBackends: of('customBackends'),
      services: of('services'),
      endpointSlices: of('endpointSlices'),
      policies: of('policies'),
      namespaces: of('namespaces'),
    };
  }

  /** The cached object of a kind. */
  get(resource: Resource, key: string): GenericObject | undefined {
    const list = WATCHED.find((w) => w.resources.includes(resource))?.list;
    return this.#informers.find((i) => i.list === list)?.informer.store.get(key);
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(
      WATCHED.map(async (watched) => {
        const resource = watched.optional ? await this.#served(watched, signal) : watched.resources[0];
        if (resource) this.#watch(watched.list, resource);
      }),
    );
    this.#complete = true;
    await Promise.all(this.#informers.map(({ informer }) => this.#runInformer(informer, signal)));
  }

  #watch(list: ListName, resource: Resource): void {
    const informer = new Informer({ client: this.#client, resource, log: this.#log });
    informer.store.subscribe({
      add: this.#onChange,
      delete: this.#onChange,
      update: (object, old) => {
        if (changed(object, old, list === 'namespaces')) this.#onChange();
      },
    });
    this.#informers.push({ list, informer });
  }

  /** A store with nothing in it tells of nothing, so its first list must be asked for. */
  async #runInformer(informer: Informer<GenericObject>, signal: AbortSignal): Promise<void> {
    const running = informer.run(signal);
    while (!informer.store.hasSynced && !signal.aborted) await delay(10);
    this.#onChange();
    await running;
  }

  /** The first of the resources that the API server has; undefined: none of them. */
  async #served({ resources }: WatchedKind, signal: AbortSignal): Promise<Resource | undefined> {
    for (const resource of resources) {
      while (!signal.aborted) {
        try {
          await this.#client.list(resource, { limit: 1, signal });
          return resource;
        } catch (error) {
          if (isNotFound(error)) break;
          if (!signal.aborted) this.#log.warn({ kind: resource.kind, error: String(error) }, 'cannot list yet');
          await delay(PROBE_RETRY_MS, undefined, { signal }).catch(() => undefined);
        }
      }
    }
    return undefined;
  }
}

/** Envoy Gateway's predicate: generations tell of a change of the spec; status, labels and annotations do not count. */
function changed(object: GenericObject, old: GenericObject, labels: boolean): boolean {
  if (labels) return JSON.stringify(object.metadata.labels) !== JSON.stringify(old.metadata.labels);
  const { generation } = object.metadata;
  // Kinds without a status have no generation.
  if (generation === undefined) return object.metadata.resourceVersion !== old.metadata.resourceVersion;
  return generation !== old.metadata.generation || object.metadata.uid !== old.metadata.uid;
}
