import { randomUUID } from 'node:crypto';
import { totalmem } from 'node:os';
import { machinesOf } from '@tsgateway/model';
import { ConfigError, runService } from '@tsgateway/process';
import { LoadReportingServiceService } from '@tsgateway/protos/envoy/service/load_stats/v3/lrs';
import { TrafficServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { createRpcServer, oneAtATime, type ServerTls, serverTls } from '@tsgateway/rpc';
import { collectGarbageAfter } from './collect-garbage.ts';
import { envSchema } from './config.ts';
import { Assignments } from './eds/assignments.ts';
import { EndpointDiscovery, endpointDiscoveryDefinition } from './eds/endpoint-discovery.ts';
import { accessLogDefinition, AccessLogService } from './flows/access-log-service.ts';
import { FlowLog } from './flows/flow-log.ts';
import { hookDefinition, hookService } from './hooks/hook-service.ts';
import { TranslationHook } from './hooks/translation-hook.ts';
import { memoryShortage } from './message-memory.ts';
import { HealthFreshness } from './mesh/health-freshness.ts';
import { MeshState } from './mesh/mesh-state.ts';
import { systemClock } from './mesh/system-clock.ts';
import { degradedSources, extensionServerMetrics } from './metrics.ts';
import { LoadReporting } from './traffic/load-reporting.ts';
import { TrafficService } from './traffic/traffic-service.ts';
import { TrafficTotals } from './traffic/traffic-totals.ts';
import { HealthClients } from './upstream/health-clients.ts';
import { followModel } from './upstream/model-client.ts';
import { NameResolver } from './upstream/name-resolver.ts';

const edsService = 'envoy.service.endpoint.v3.EndpointDiscoveryService';
/** Subscriptions and reports of thousands of clusters stay far below it. */
const maxXdsMessageBytes = 16 * 2 ** 20;
/** Translations above this are handled one after the other. */
const largeTranslationBytes = 8 * 2 ** 20;
/** With HTTP/2's own 64 KiB, Envoy Gateway waits a few hundred times while it sends a translation of 15 MB. */
const receiveWindowBytes = 16 * 2 ** 20;
/** Such a call is over in far less, or its client is stuck. */
const maxTurnMs = 15_000;
const largeMethods = new Set(['/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify']);

await runService({
  name: 'extension-server',
  env: envSchema,
  start: async ({ env, log, metrics: registry, signal, ready, onStop }) => {
    const metrics = extensionServerMetrics(registry);
    const operator = ready.add('model');
    const checkers = ready.add('health');
    const identity = `extension-server/${env.POD_NAME}`;

    const connections = {
      keepaliveTimeMs: env.GRPC_KEEPALIVE_TIME,
      keepaliveTimeoutMs: env.GRPC_KEEPALIVE_TIMEOUT,
      maxIdleMs: env.GRPC_MAX_CONNECTION_IDLE,
      maxAgeMs: env.GRPC_MAX_CONNECTION_AGE,
    };
    const tlsOf = async (dir: string | undefined, name: string): Promise<ServerTls | undefined> => {
      if (dir === undefined) return undefined;
      const tls = await serverTls({ dir, server: name, log: log.child('tls'), metrics: registry }).catch((cause) => {
        throw new ConfigError(String(cause instanceof Error ? cause.message : cause), { cause });
      });
      onStop(`TLS of ${name}`, () => tls.close());
      return tls;
    };

    // What is known, and what follows from it. A change reaches Envoy in the same turn of the event loop.
    const totals = new TrafficTotals(() => performance.now());
    const state: MeshState = new MeshState({
      clock: systemClock,
      onPlanned: (services) => push(services),
      onModel: (model) => {
        metrics.modelRevision.set(Number(model.revision));
        health.set(model.checkers.addresses);
        resolver.set([...model.services.values()].flatMap(machinesOf).map((m) => m.host));
        totals.retain(model);
        metrics.trafficGroups.set(totals.size);
        operator(true, `revision ${model.revision}`);
        if (modelKnown) return;
        modelKnown = true;
        showServing();
        eds.changed([...eds.names()]); // answers those who asked before there was a model
        if (translationRefused) traffic.oweTranslation();
      },
      onRefused: (key, err) => log.error({ key, err }, 'Part of the model is refused: it stays as it was'),
      onSetBack: (from, to) => {
        metrics.modelSetBacks.inc();
        log.warn({ from: String(from), to: String(to) }, 'Took an older model: for a minute there was no other');
      },
    });
    onStop('timers', () => {
      state.close();
      freshness.close();
    });
    const resolver: NameResolver = new NameResolver({
      onChange: (names) => {
        const concerned = [...(state.model?.services ?? [])].filter(([, s]) =>
          machinesOf(s).some((m) => names.has(m.host)),
        );
        push(new Set(concerned.map(([key]) => key)));
      },
      log: log.child('dns'),
      signal,
    });
    const assignments = new Assignments(state, resolver);
    const eds: EndpointDiscovery = new EndpointDiscovery({
      source: assignments,
      onReleased: (name) => assignments.release(name),
      now: () => performance.now(),
      log: log.child('eds'),
      metrics: {
        streams: (count) => metrics.streams.set({ service: 'eds' }, count),
        pushed: (count) => metrics.pushes.inc(count),
        rejected: () => metrics.rejected.inc(),
      },
    });
    const panicking = new Set<string>();
    function push(services: ReadonlySet<string>): void {
      eds.changed(assignments.changed(services));
      for (const key of services) {
        if (state.planOf(key)?.panic) panicking.add(key);
        else panicking.delete(key);
      }
      metrics.panics.set(panicking.size);
    }

    // Envoy's endpoints, request counts and access logs. Not serving before there is a model, and while another replica
    // may know more of the machines' health, so that Envoys ask that one. Who asks all the same gets all that is known.
    let modelKnown = false;
    const freshness: HealthFreshness = new HealthFreshness(systemClock, (fresh) => {
      metrics.healthFresh.set(fresh ? 1 : 0);
      if (fresh) log.info({}, 'Every health checker is heard again');
      else log.warn({}, 'A health checker is not heard: EDS reports NOT_SERVING');
      showServing();
    });
    metrics.healthFresh.set(1);
    const traffic = new TrafficService(randomUUID(), totals);
    const reporting = new LoadReporting({
      onReport: (report) => {
        metrics.loadReports.inc();
        traffic.changed(totals.add(report));
        metrics.trafficGroups.set(totals.size);
      },
      onStreams: (count) => metrics.streams.set({ service: 'lrs' }, count),
    });
    const flows = new FlowLog(metrics.flows);
    const accessLog = new AccessLogService({
      onMessage: (message) => flows.add(message),
      onLost: () => metrics.accessLogLost.inc(),
      onStreams: (count) => metrics.streams.set({ service: 'als' }, count),
      log: log.child('als'),
    });
    const xds = createRpcServer({
      log: log.child('grpc'),
      metrics: registry,
      maxMessageBytes: maxXdsMessageBytes,
      credentials: (await tlsOf(env.XDS_TLS_DIR, 'xds'))?.credentials,
      connections,
    });
    xds.add(endpointDiscoveryDefinition, { deltaEndpoints: eds.deltaEndpoints });
    xds.add(LoadReportingServiceService, reporting.implementation);
    xds.add(accessLogDefinition, accessLog.implementation);
    await xds.listen(`${env.BIND_HOST}:${env.XDS_PORT}`);
    function showServing(): void {
      for (const service of ['', edsService]) xds.setServing(service, modelKnown && freshness.fresh);
    }
    showServing();
    onStop('EDS', () => {
      eds.close();
      return xds.close();
    });

    // Envoy Gateway's hooks, and the request counts for the operator.
    const shortage = memoryShortage(env.MAX_MESSAGE_SIZE, {
      constrained: process.constrainedMemory(),
      total: totalmem(),
    });
    if (shortage) {
      log.warn(
        { maxMessageBytes: env.MAX_MESSAGE_SIZE, ...shortage },
        'MAX_MESSAGE_SIZE exceeds the memory limit: a message of that size needs more memory than there is',
      );
    }
    let modelAlive = false;
    let translationRefused = false;
    const translation = new TranslationHook({
      state,
      now: () => systemClock.now(),
      modelAlive: () => modelAlive,
      caFile: env.UPSTREAM_CA_FILE,
      accessLog: env.ACCESS_LOG_ENABLED,
      onRefused: () => (translationRefused = true),
      onDegraded: (_count, bySource) => {
        for (const source of degradedSources) metrics.degradedRules.set({ source }, bySource.get(source) ?? 0);
      },
      log: log.child('hooks'),
    });
    const hooks = createRpcServer({
      log: log.child('grpc'),
      metrics: registry,
      maxMessageBytes: env.MAX_MESSAGE_SIZE,
      maxSendBytes: env.MAX_SEND_MESSAGE_SIZE,
      receiveWindowBytes,
      credentials: (await tlsOf(env.HOOKS_TLS_DIR, 'hooks'))?.credentials,
      connections,
      interceptors: [
        oneAtATime({
          paths: largeMethods,
          smallBytes: largeTranslationBytes,
          maxTurnMs,
          onLargeDone: collectGarbageAfter(1000),
        }),
      ],
    });
    hooks.add(hookDefinition, hookService(translation, log.child('hooks')));
    hooks.add(TrafficServiceService, traffic.implementation);
    await hooks.listen(`${env.BIND_HOST}:${env.GRPC_PORT}`);
    onStop('hooks', () => hooks.close());

    // Where the knowledge comes from. While one is away, what it said last counts.
    const health: HealthClients = new HealthClients({
      client: identity,
      onUpdate: (update) => state.applyHealth(update),
      onGone: (checker) => state.checkerGone(checker),
      onState: (connected, all) => {
        metrics.connected.set({ upstream: 'health_checkers' }, connected);
        freshness.set(connected, all);
        checkers(true, `${connected} of ${all} checkers connected`);
      },
      log: log.child('health'),
      signal,
    });
    followModel({
      address: env.OPERATOR_ADDRESS,
      client: identity,
      onUpdate: (update) => state.applyModel(update),
      onState: (connected) => {
        modelAlive = connected;
        metrics.connected.set({ upstream: 'operator' }, connected ? 1 : 0);
        if (!connected && state.model) operator(true, `the operator is away: revision ${state.model.revision} serves`);
      },
      log: log.child('model'),
      signal,
    });
  },
});
