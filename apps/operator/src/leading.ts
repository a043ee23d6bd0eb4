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
import type { MeshCatalog } from './catalog/mesh-catalog.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import { recordOf } from './coordinator/vip-plan.ts';
import type { HealthWatcher } from './health/health-watcher.ts';
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
import type { VipOutcome } from './status/vip-outcome.ts';

export interface LeadingOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly catalog: MeshCatalog;
  readonly health: Pick<HealthWatcher, 'health' | 'details'>;
  /** Tells of targets whose health changed; returns what unsubscribes. */
  readonly onHealth: (listener: (targets: ReadonlySet<string>) => void) => () => void;
  readonly coordinator: Coordinator;
  readonly events: EventRecorder;
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
const DRAIN_MS = 5_000;

const TAILNET = 'tailscaletailnet';
const ENDPOINTS = 'tailscaleendpoints';
const SERVICES = 'tailscaleservices';
const VIP = 'vipservice';
const TAILNET_KEEPER = 'tailnetkeeper';
const GATEWAY = 'tailscalegateway';
const ROUTE_POLICY = 'tailscaleroutepolicy';

/** Everything that only the leader does: writes. Resolves once the signal has aborted and all work has ended. */
export async function lead(options: LeadingOptions, signal: AbortSignal): Promise<void> {
  const { client, informers, catalog, health, coordinator, events, namespace, log, metrics, workers } = options;
  const now = (): number => Date.now();
  const vips = new Map<string, VipOutcome>();
  const id = await operatorId({ client, namespace, log, signal });
  log.info({ operatorId: id }, 'Starting controllers');

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
      decide: decideEndpoints({ catalog, tailnets: informers.tailnets.store, health, now }),
    }),
    [SERVICES]: statusReconciler({
      ...status,
      resource: resources.services,
      store: informers.services.store,
      fieldManager: fieldManager(SERVICES),
      decide: decideServices({ catalog, health, vips, now }),
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

  const unsubscribe = subscribe(options, wake);
  const running = Promise.all(controllers.map((controller) => controller.run(signal)));
  await aborted(signal);
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
