import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { EventRecorder, KubeClient, kubeMetrics, LeaderElector, sleep, systemClock } from '@tsgateway/kube';
import { probeTargets } from '@tsgateway/model';
import { ConfigError, version, type Logger, type ServiceContext } from '@tsgateway/process';
import { MeshModelServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { createRpcServer } from '@tsgateway/rpc';
import { Counter } from 'prom-client';
import { MeshCatalog } from './catalog/mesh-catalog.ts';
import type { Config } from './config.ts';
import { grpcCoordinator } from './coordinator/coordinator.ts';
import { HealthWatcher } from './health/health-watcher.ts';
import { createInformers, notServed, revisionOf, type Informers } from './informers.ts';
import { lead } from './leading.ts';
import { ModelService } from './model/model-service.ts';
import { fixedPeers, peersOfService, SERVICE_NAME, type Peers } from './peers/peers.ts';
import { watchTraffic, type ChannelTls } from './traffic/traffic-watcher.ts';

// Of the Pods themselves, whatever their Services say.
const HOOKS_PORT = 5005;
const CHECKER_PORT = 5030;
/** Health of targets that nobody has any more is forgotten this often. */
const SWEEP_MS = 60_000;
/** A new leader waits no longer for the health checkers. */
const FIRST_REPORTS_MS = 3_000;

/** Builds and starts the operator; resolves once it serves the model. What it starts ends in the reverse order. */
export async function startOperator(ctx: ServiceContext<Config>): Promise<void> {
  const { env, log, metrics, signal, ready, onStop } = ctx;
  const cachesSynced = ready.add('caches');
  const modelServed = ready.add('model-server');

  // The Kubernetes API: a client, and caches of all that is watched.
  const apiMetrics = kubeMetrics(metrics);
  const client = KubeClient.connect({
    kubeconfigPath: env.KUBECONFIG,
    userAgent: `tailscale-gateway-operator/${version} (${env.POD_NAME})`,
    onRequest: apiMetrics.onRequest,
  });
  onStop('kubernetes-client', () => client.close());
  const informers = createInformers({
    client,
    endpointSlices: {
      namespace: env.POD_NAMESPACE,
      labelSelector: `${SERVICE_NAME} in (${env.HEALTH_CHECKER_SERVICE},${env.EXTENSION_SERVER_SERVICE})`,
    },
    log: log.child('informers'),
    metrics,
  });
  // A term of its own: the last writes of the leader still look things up.
  const watching = new AbortController();
  const watches = Promise.all(Object.values(informers).map((informer) => informer.run(watching.signal)));
  onStop('informers', async () => {
    watching.abort();
    await watches;
  });

  // What the objects mean, kept up to date by the informers' events themselves.
  const catalog = new MeshCatalog();
  feed(catalog, informers);
  await synced(informers, signal);
  if (signal.aborted) return;
  const tellCaches = (): void => {
    const absent = notServed(informers);
    cachesSynced(true, absent.length === 0 ? undefined : `not installed: ${absent.join(', ')}`);
  };
  tellCaches();
  log.info({ services: catalog.services.size, routes: catalog.routes.size }, 'caches synced');

  // The model, from every replica.
  const peers = (addresses: readonly string[], service: string, port: number): Peers =>
    addresses.length > 0
      ? fixedPeers(addresses)
      : peersOfService({ store: informers.endpointSlices.store, service, port });
  const checkers = peers(env.HEALTH_CHECKER_ADDRESSES, env.HEALTH_CHECKER_SERVICE, CHECKER_PORT);
  const extensionServers = peers(env.EXTENSION_SERVER_ADDRESSES, env.EXTENSION_SERVER_SERVICE, HOOKS_PORT);
  const extensionServerTls = await channelTls(env);
  const model = new ModelService({
    catalog,
    revision: () => revisionOf(informers),
    checkers,
    log: log.child('model'),
    metrics,
  });
  const server = createRpcServer({ log: log.child('grpc'), metrics });
  server.add(MeshModelServiceService, model.implementation);
  onStop('model-server', async () => {
    model.close();
    await server.close();
  });
  const port = await server.listen(`${bracketed(env.BIND_HOST)}:${env.GRPC_PORT}`);
  modelServed(true);
  log.info({ port }, 'model server listening');

  // Health, from every checker.
  const listeners = new Set<(targets: ReadonlySet<string>) => void>();
  const health = new HealthWatcher({
    peers: checkers,
    client: `operator/${env.POD_NAME}`,
    servicesOf: (target) => catalog.servicesOfTarget(target).map((s) => `${s.namespace}/${s.name}`),
    onChange: (targets) => {
      for (const listener of listeners) listener(targets);
    },
    log: log.child('health'),
    metrics,
  });
  health.start(watching.signal);
  const sweep = setInterval(() => {
    health.retain(probeTargets({ services: catalog.services }));
    tellCaches();
  }, SWEEP_MS);
  onStop('health', () => {
    clearInterval(sweep);
  });

  // The coordinator, Events, and what only a leader does with them.
  const coordinator = grpcCoordinator({ address: env.COORDINATOR_ADDRESS, log: log.child('coordinator') });
  onStop('coordinator-client', () => {
    coordinator.close();
  });
  const events = new EventRecorder({
    client,
    controller: 'gateway.tailscale.com/operator',
    instance: env.POD_NAME,
    log: log.child('events'),
  });
  const recording = events.run(watching.signal);
  onStop('events', async () => {
    watching.abort();
    await recording;
  });
  const syncsWritten = new Counter({
    name: 'gateway_sync_writes_total',
    help: 'How often Envoy Gateway was asked to translate a Gateway again.',
    registers: [metrics],
  });
  const leading = (mayWrite: () => boolean) => async (term: AbortSignal) => {
    // Statuses that are written before health is known would have to be taken back.
    await health.firstReports(FIRST_REPORTS_MS);
    if (term.aborted) return;
    await lead(
      {
        client,
        informers,
        catalog,
        health,
        onHealth: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        coordinator,
        events,
        revision: () => revisionOf(informers),
        xds: { addresses: env.XDS_ADDRESSES, caFile: env.XDS_CA_FILE },
        watchTraffic: (onReport, until) => {
          watchTraffic({
            peers: extensionServers,
            client: `operator/${env.POD_NAME}`,
            tls: extensionServerTls,
            onReport,
            log: log.child('traffic'),
            signal: until,
          });
        },
        onSyncWritten: () => {
          syncsWritten.inc();
        },
        namespace: env.POD_NAMESPACE,
        workers: env.MAX_CONCURRENT_RECONCILES,
        mayWrite,
        log: log.child('controllers'),
        metrics: apiMetrics,
      },
      term,
    );
  };
  const status = apiMetrics.leader(env.LEADER_ELECTION_ID);
  if (!env.LEADER_ELECTION_ENABLED) {
    status(true);
    const running = leadAlone(
      leading(() => true),
      { signal, log },
    );
    onStop('controllers', () => running);
    return;
  }
  const elector: LeaderElector = new LeaderElector({
    client,
    lease: { namespace: env.POD_NAMESPACE, name: env.LEADER_ELECTION_ID },
    identity: `${env.POD_NAME}_${randomUUID()}`,
    onStartedLeading: (term) => leading(() => elector.leading)(term),
    onNewLeader: (leader) => {
      log.info({ leader }, 'the leader is');
    },
    onStatus: status,
    log: log.child('leader-election'),
  });
  const election = elector.run(signal);
  onStop('leader-election', () => election);
}

/** Leads without a lease: again and again where it fails, as the API server may be away. */
async function leadAlone(
  term: (signal: AbortSignal) => Promise<void>,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await term(signal);
    } catch (err) {
      if (signal.aborted) return;
      log.error({ err }, 'leading failed, starting again');
      await sleep(systemClock, 2_000, signal);
    }
  }
}

function feed(catalog: MeshCatalog, informers: Informers): void {
  informers.endpoints.store.subscribe({
    add: (o) => {
      catalog.setEndpoints(o);
    },
    update: (o) => {
      catalog.setEndpoints(o);
    },
    delete: (o) => {
      catalog.removeEndpoints(o);
    },
  });
  informers.services.store.subscribe({
    add: (o) => {
      catalog.setServices(o);
    },
    update: (o) => {
      catalog.setServices(o);
    },
    delete: (o) => {
      catalog.removeServices(o);
    },
  });
  for (const { store } of [informers.httpRoutes, informers.grpcRoutes]) {
    store.subscribe({
      add: (o) => {
        catalog.setRoute(o);
      },
      update: (o) => {
        catalog.setRoute(o);
      },
      delete: (o) => {
        catalog.removeRoute(o);
      },
    });
  }
}

/** Resolves once every cache holds its first list, or the signal aborts. */
async function synced(informers: Informers, signal: AbortSignal): Promise<void> {
  const all = Object.values(informers);
  while (!signal.aborted && !all.every((informer) => informer.store.hasSynced)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * How the extension servers' hooks are dialled; undefined: in plain text. Pods are found by their addresses, which are in
 * no certificate: theirs is for the Service.
 *
 * @throws ConfigError where the CA cannot be read.
 */
async function channelTls(env: Config & { POD_NAMESPACE: string }): Promise<ChannelTls | undefined> {
  const { EXTENSION_SERVER_CA_FILE: file, EXTENSION_SERVER_ADDRESSES: fixed } = env;
  if (file === undefined) return undefined;
  const ca = await readFile(file).catch((cause: unknown) => {
    throw new ConfigError(`EXTENSION_SERVER_CA_FILE: ${file} cannot be read: ${String(cause)}`, { cause });
  });
  return { ca, name: fixed.length > 0 ? undefined : `${env.EXTENSION_SERVER_SERVICE}.${env.POD_NAMESPACE}.svc` };
}

/** An IPv6 host as it stands in an address. */
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
