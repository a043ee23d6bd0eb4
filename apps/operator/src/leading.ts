import {
  Controller,
  defaultRateLimiter,
  objectKey,
  WorkQueue,
  type EventRecorder,
  type KubeClient,
  type KubeMetrics,
  type KubeObject,
  type Reconcile,
  type Store,
} from '@tsgateway/kube';
import type { TailscaleServices, TailscaleTailnet } from '@tsgateway/api';
import type { Logger } from '@tsgateway/process';
import type { TrafficReport } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import type { MeshCatalog } from './catalog/mesh-catalog.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import { recordOf } from './coordinator/vip-plan.ts';
import type { HealthWatcher } from './health/health-watcher.ts';
import { attachedTo as attachedIn, gatewayNamedBy } from './gateway/attached.ts';
import { envoyBootstrap, type EnvoyBootstrapOptions } from './gateway/envoy-bootstrap.ts';
import { envoyProxyReconciler } from './gateway/envoy-proxy-reconciler.ts';
import { OwedTranslations } from './gateway/owed-translations.ts';
import { gatewaysOf } from './gateway/route-refs.ts';
import { syncReconciler } from './gateway/sync-reconciler.ts';
import { unsupportedRoutes, watchUnsupported } from './gateway/unsupported.ts';
import type { Informers } from './informers.ts';
import { operatorId } from './operator-id.ts';
import { decideAcceptance } from './reconcilers/acceptance-reconciler.ts';
import { decideEndpoints } from './reconcilers/endpoints-reconciler.ts';
import { decideServices } from './reconcilers/services-reconciler.ts';
import { statusReconciler } from './reconcilers/status-reconciler.ts';
import { tailnetKeeper } from './reconcilers/tailnet-keeper.ts';
import { decideTailnet } from './reconcilers/tailnet-reconciler.ts';
import { vipReconciler } from './reconcilers/vip-reconciler.ts';
import * as resources from './resources.ts';
import { gatewayFindings } from './status/gateway-findings.ts';
import type { VipOutcome } from './status/vip-outcome.ts';
import { RequestCounts } from './traffic/request-counts.ts';

export interface LeadingOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly catalog: MeshCatalog;
  readonly health: Pick<HealthWatcher, 'health' | 'details'>;
  /** Tells of targets whose health changed; returns what unsubscribes. */
  readonly onHealth: (listener: (targets: ReadonlySet<string>) => void) => () => void;
  readonly coordinator: Coordinator;
  readonly events: EventRecorder;
  /** Of the model that this replica serves. */
  readonly revision: () => bigint;
  /** How Envoys come to their endpoints. */
  readonly xds: EnvoyBootstrapOptions;
  /** Begins to tell what the extension servers count, until the signal aborts. */
  readonly watchTraffic: (onReport: (report: TrafficReport, running: boolean) => void, signal: AbortSignal) => void;
  readonly onSyncWritten: () => void;
  readonly namespace: string;
  readonly workers: number;
  /** False once the lease may be another's. */
  readonly mayWrite: () => boolean;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** No longer than this between two attempts at an object: what failed is mostly elsewhere and comes back. */
const MAX_BACKOFF_MS = 30_000;
/** The first wait of those who ask the coordinator, which repeats what fails at once by itself. */
const REMOTE_BACKOFF_MS = 500;
/** Requests that were counted are written no later than this. */
const COUNTS_MS = 5 * 60_000;
const DRAIN_MS = 5_000;

const TAILNET = 'tailscaletailnet';
const ENDPOINTS = 'tailscaleendpoints';
const SERVICES = 'tailscaleservices';
const VIP = 'vipservice';
const TAILNET_KEEPER = 'tailnetkeeper';
const GATEWAY = 'tailscalegateway';
const ROUTE_POLICY = 'tailscaleroutepolicy';
const GATEWAY_SYNC = 'tailscalegatewaysync';
const ENVOY_PROXY = 'envoyproxy';

/** Everything that only the leader does: writes. Resolves once the signal has aborted and all work has ended. */
export async function lead(options: LeadingOptions, signal: AbortSignal): Promise<void> {
  const { client, informers, catalog, health, coordinator, events, namespace, log, metrics, workers } = options;
  const now = (): number => Date.now();
  const vips = new Map<string, VipOutcome>();
  const id = await operatorId({ client, namespace, log, signal });
  log.info({ operatorId: id }, 'Starting controllers');
  const counts = new RequestCounts();
  const owed = new OwedTranslations();
  const bootstrap = envoyBootstrap(options.xds);
  const attachedTo = (key: string) => attachedIn(key, { informers, catalog });
  const uncarried = (key: string) => unsupportedRoutes(informers, key);

  const status = { client, events };
  const reconcilers: Record<string, Reconcile> = {
    [TAILNET]: statusReconciler({
      ...status,
      resource: resources.tailnets,
      store: informers.tailnets.store,
      fieldManager: fieldManager(TAILNET),
      decide: decideTailnet({ coordinator, operatorNamespace: namespace, now }),
    }),
    [ENDPOINTS]: statusReconciler({
      ...status,
      resource: resources.endpoints,
      store: informers.endpoints.store,
      fieldManager: fieldManager(ENDPOINTS),
      decide: decideEndpoints({
        catalog,
        tailnets: informers.tailnets.store,
        health,
        unsupportedRoutes: uncarried,
        now,
      }),
    }),
    [SERVICES]: statusReconciler({
      ...status,
      resource: resources.services,
      store: informers.services.store,
      fieldManager: fieldManager(SERVICES),
      decide: decideServices({ catalog, health, vips, counts, unsupportedRoutes: uncarried, now }),
      forget: (key) => {
        counts.forget(`TailscaleServices/${key}`);
      },
    }),
    [VIP]: vipReconciler({
      client,
      store: informers.services.store,
      tailnets: informers.tailnets.store,
      catalog,
      coordinator,
      events,
      operatorId: id,
      operatorNamespace: namespace,
      vips,
      onOutcome: (key) => {
        wake(SERVICES, key);
      },
      now,
      random: Math.random,
    }),
    [TAILNET_KEEPER]: tailnetKeeper({
      client,
      store: informers.tailnets.store,
      services: informers.services.store,
      events,
    }),
    [GATEWAY]: statusReconciler({
      ...status,
      resource: resources.gateways,
      store: informers.gateways.store,
      fieldManager: fieldManager(GATEWAY),
      decide: decideAcceptance({
        kind: 'TailscaleGateway',
        notYet: 'Routes are not generated from it yet, and its extensionServer settings are those of the deployment.',
        more: (object) => {
          const named = gatewayNamedBy(object);
          return gatewayFindings(named === undefined ? undefined : attachedTo(named), bootstrap);
        },
        now,
      }),
    }),
    [ROUTE_POLICY]: statusReconciler({
      ...status,
      resource: resources.routePolicies,
      store: informers.routePolicies.store,
      fieldManager: fieldManager(ROUTE_POLICY),
      decide: decideAcceptance({
        kind: 'TailscaleRoutePolicy',
        notYet: 'Its rules are not applied to routes yet.',
        now,
      }),
    }),
    [GATEWAY_SYNC]: syncReconciler({
      client,
      store: informers.syncs.store,
      attachedTo,
      serviceOf: (key) => catalog.services.get(key),
      revision: options.revision,
      fieldManager: fieldManager(GATEWAY_SYNC),
      owed,
      onWritten: options.onSyncWritten,
      now,
    }),
    [ENVOY_PROXY]: envoyProxyReconciler({
      client,
      store: informers.envoyProxies.store,
      served: () => informers.envoyProxies.served === true,
      attachedTo,
      bootstrap,
      events,
      fieldManager: fieldManager(ENVOY_PROXY),
    }),
  };

  const queues = new Map<string, WorkQueue>();
  const controllers = Object.entries(reconcilers).map(([name, reconcile]) => {
    const queueMetrics = metrics.queue(name);
    const rateLimiter = defaultRateLimiter({
      maxMs: MAX_BACKOFF_MS,
      ...(name === TAILNET || name === VIP ? { baseMs: REMOTE_BACKOFF_MS } : {}),
    });
    const queue = new WorkQueue({ rateLimiter, metrics: queueMetrics });
    queueMetrics.observe(queue);
    queues.set(name, queue);
    return new Controller({
      name,
      queue,
      reconcile,
      maxConcurrentReconciles: workers,
      mayWork: options.mayWrite,
      log: log.child(name),
      metrics: metrics.controller(name, workers),
    });
  });
  const wake = (controller: string, key: string): void => {
    queues.get(controller)?.add(key);
  };

  const unsubscribe = [...subscribe(options, wake), ...subscribeGateways(options, wake)];
  options.watchTraffic((report, running) => {
    counts.apply(report, running);
    if (!report.translationOwed) return;
    const gateways = informers.apiGateways.store.list().map(objectKey);
    if (!owed.add(report.bootId, gateways)) return;
    log.info({ bootId: report.bootId }, 'An extension server refused a translation: Envoy Gateway is asked again');
    for (const gateway of gateways) wake(GATEWAY_SYNC, gateway);
  }, signal);
  const countsDue = setInterval(() => {
    for (const key of counts.makeDue()) wake(SERVICES, key.slice(key.indexOf('/') + 1));
  }, COUNTS_MS);
  const running = Promise.all(controllers.map((controller) => controller.run(signal)));
  await aborted(signal);
  clearInterval(countsDue);
  for (const off of unsubscribe) off();
  // What is being worked on was told to stop; nothing new begins.
  for (const queue of queues.values()) queue.clear();
  await Promise.race([
    Promise.all([...[...queues.values()].map((queue) => queue.shutDown()), running]),
    timeout(DRAIN_MS),
  ]);
  log.info({}, 'Stopped controllers');
}

type Wake = (controller: string, key: string) => void;

/** Which event concerns whom. Subscribing tells of all objects that are there: every one is looked at once. */
function subscribe(options: LeadingOptions, wake: Wake): (() => void)[] {
  const { informers, catalog, onHealth } = options;
  const every = <T extends KubeObject>(store: Store<T>, controllers: readonly string[]): (() => void) => {
    const tell = (object: T): void => {
      for (const controller of controllers) wake(controller, objectKey(object));
    };
    return store.subscribe({ add: tell, update: tell, delete: tell });
  };
  /** Those that say whether the tailnet is there, and how it is. */
  const ofTailnet = ({ metadata: { name } }: TailscaleTailnet): void => {
    for (const object of informers.endpoints.store.list()) {
      if (object.spec.tailnet !== name) continue;
      const key = objectKey(object);
      wake(ENDPOINTS, key);
      for (const services of catalog.selectorsOf(key)) wake(VIP, services);
    }
    for (const object of informers.services.store.list()) {
      if (object.spec.endpointTemplate?.tailnet === name || object.metadata.deletionTimestamp !== undefined) {
        wake(VIP, objectKey(object));
      }
    }
  };
  /** The tailnet that a services object has, or had, a VIP service in. */
  const keptBy = (object: TailscaleServices): void => {
    const tailnet = recordOf(object)?.tailnet;
    if (tailnet !== undefined) wake(TAILNET_KEEPER, tailnet);
  };
  return [
    informers.services.store.subscribe({
      add: keptBy,
      update: (object, old) => {
        if (recordOf(object)?.tailnet === recordOf(old)?.tailnet) return;
        keptBy(object);
        keptBy(old);
      },
      delete: keptBy,
    }),
    every(informers.tailnets.store, [TAILNET, TAILNET_KEEPER]),
    every(informers.endpoints.store, [ENDPOINTS]),
    every(informers.services.store, [SERVICES, VIP]),
    every(informers.gateways.store, [GATEWAY]),
    every(informers.routePolicies.store, [ROUTE_POLICY]),
    informers.tailnets.store.subscribe({
      add: ofTailnet,
      update: (tailnet, old) => {
        if (tailnet.metadata.generation !== old.metadata.generation || readiness(tailnet) !== readiness(old))
          ofTailnet(tailnet);
      },
      delete: ofTailnet,
    }),
    catalog.onChange(({ affectedServices, affectedEndpoints }) => {
      for (const key of affectedServices) {
        wake(SERVICES, key);
        wake(VIP, key);
      }
      for (const key of affectedEndpoints) wake(ENDPOINTS, key);
    }),
    onHealth((targets) => {
      for (const target of targets) {
        for (const service of catalog.servicesOfTarget(target)) {
          if (service.kind === 'TailscaleServices') wake(SERVICES, `${service.namespace}/${service.name}`);
          for (const group of service.groups) {
            if (group.source === 'endpoints') wake(ENDPOINTS, `${service.namespace}/${group.name}`);
          }
        }
      }
    }),
  ];
}

/** Which event concerns which Gateway, by `namespace/name`. */
function subscribeGateways({ informers, catalog, events }: LeadingOptions, wake: Wake): (() => void)[] {
  const byKey = (key: string): void => {
    wake(GATEWAY_SYNC, key);
    wake(ENVOY_PROXY, key);
    for (const object of informers.gateways.store.list()) {
      if (gatewayNamedBy(object) === key) wake(GATEWAY, objectKey(object));
    }
  };
  const every = <T extends KubeObject>(
    { store }: { store: Store<T> },
    keysOf: (object: T) => readonly string[],
  ): (() => void) => {
    const tell = (object: T): void => {
      keysOf(object).forEach(byKey);
    };
    const update = (object: T, old: T): void => {
      new Set([...keysOf(old), ...keysOf(object)]).forEach(byKey);
    };
    return store.subscribe({ add: tell, update, delete: tell });
  };
  const gateways = informers.apiGateways.store;
  return [
    every(informers.apiGateways, (gateway) => [objectKey(gateway)]),
    every(informers.gatewayClasses, ({ metadata: { name } }) =>
      gateways
        .list()
        .filter((gateway) => gateway.spec?.gatewayClassName === name)
        .map(objectKey),
    ),
    // A class of Gateways may name one for all of them.
    every(informers.envoyProxies, () => gateways.list().map(objectKey)),
    every(informers.syncs, (sync) => [objectKey(sync)]),
    every(informers.gateways, (object) => [gatewayNamedBy(object) ?? []].flat()),
    every(informers.httpRoutes, gatewaysOf),
    every(informers.grpcRoutes, gatewaysOf),
    // Told after the model was sent: the catalog tells in the order of subscription.
    catalog.onChange(({ services }) => {
      const concerned = new Set<string>();
      for (const key of services) {
        for (const { store } of [informers.httpRoutes, informers.grpcRoutes]) {
          for (const route of store.byIndex('backend', key)) {
            for (const gateway of gatewaysOf(route)) concerned.add(gateway);
          }
        }
      }
      for (const gateway of concerned) wake(GATEWAY_SYNC, gateway);
    }),
    ...watchUnsupported({
      informers,
      events,
      onKey: (key) => {
        const [kind, ...name] = key.split('/');
        if (kind === 'TailscaleServices') wake(SERVICES, name.join('/'));
        if (kind === 'TailscaleEndpoints') wake(ENDPOINTS, name.join('/'));
      },
    }),
  ];
}

const readiness = (tailnet: TailscaleTailnet): string | undefined =>
  tailnet.status?.conditions?.find((c) => c.type === 'Ready')?.status;

const fieldManager = (controller: string): string => `tailscale-gateway-operator/${controller}`;

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });

const timeout = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
