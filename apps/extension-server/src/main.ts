import { machinesOf } from '@tsgateway/model';
import { runService } from '@tsgateway/process';
import { EndpointDiscoveryServiceService } from '@tsgateway/protos/envoy/service/endpoint/v3/eds';
import { createRpcServer } from '@tsgateway/rpc';
import { envSchema } from './config.ts';
import { Assignments, keyOf } from './eds/assignments.ts';
import { EndpointDiscovery } from './eds/endpoint-discovery.ts';
import { hookDefinition, hookService } from './hooks/hook-service.ts';
import { TranslationHook } from './hooks/translation-hook.ts';
import { MeshState } from './mesh/mesh-state.ts';
import { systemClock } from './mesh/system-clock.ts';
import { extensionServerMetrics } from './metrics.ts';
import { HealthClients } from './upstream/health-clients.ts';
import { followModel } from './upstream/model-client.ts';
import { NameResolver } from './upstream/name-resolver.ts';

await runService({
  name: 'extension-server',
  env: envSchema,
  start: async ({ env, log, metrics: registry, signal, ready, onStop }) => {
    const metrics = extensionServerMetrics(registry);
    const operator = ready.add('model');
    const checkers = ready.add('health');
    const identity = `extension-server/${env.POD_NAME}`;

    // What is known, and what follows from it. A change reaches Envoy in the same turn of the event loop.
    const state: MeshState = new MeshState({
      clock: systemClock,
      onPlanned: (services) => push(services),
      onModel: (model) => {
        metrics.modelRevision.set(Number(model.revision));
        health.set(model.checkers.addresses);
        resolver.set([...model.services.values()].flatMap(machinesOf).map((m) => m.host));
        operator(true, `revision ${model.revision}`);
        server.setServing('envoy.service.endpoint.v3.EndpointDiscoveryService', true);
        eds.changed(new Set(eds.names())); // answers those who asked before there was a model
      },
      onRefused: (key, err) => log.error({ key, err }, 'Part of the model is refused: it stays as it was'),
    });
    onStop('timers', () => state.close());
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
      log: log.child('eds'),
      metrics: {
        streams: (count) => metrics.streams.set(count),
        pushed: (count) => metrics.pushes.inc(count),
        rejected: () => metrics.rejected.inc(),
      },
    });
    function push(services: ReadonlySet<string>): void {
      assignments.changed(services);
      eds.changed(new Set([...eds.names()].filter((name) => services.has(keyOf(name) ?? ''))));
      metrics.panics.set([...(state.model?.services.keys() ?? [])].filter((key) => state.planOf(key)?.panic).length);
    }

    // Envoy's endpoints; not serving before there is a model, so that Envoys ask another replica.
    const server = createRpcServer({ log: log.child('grpc'), metrics: registry });
    server.add(EndpointDiscoveryServiceService, { deltaEndpoints: eds.deltaEndpoints });
    server.setServing('envoy.service.endpoint.v3.EndpointDiscoveryService', false);
    await server.listen(`${env.BIND_HOST}:${env.XDS_PORT}`);
    onStop('EDS', () => {
      eds.close();
      return server.close();
    });

    // Envoy Gateway's hooks.
    let modelAlive = false;
    const translation = new TranslationHook({
      state,
      now: () => systemClock.now(),
      modelAlive: () => modelAlive,
      caFile: env.UPSTREAM_CA_FILE,
      onDegraded: (count) => metrics.degradedRules.set(count),
      log: log.child('hooks'),
    });
    const hooks = createRpcServer({ log: log.child('grpc'), metrics: registry, maxMessageBytes: env.MAX_MESSAGE_SIZE });
    hooks.add(hookDefinition, hookService(translation, log.child('hooks')));
    await hooks.listen(`${env.BIND_HOST}:${env.GRPC_PORT}`);
    onStop('hooks', () => hooks.close());

    // Where the knowledge comes from. While one is away, what it said last counts.
    const health: HealthClients = new HealthClients({
      client: identity,
      onUpdate: (update) => state.applyHealth(update),
      onGone: (checker) => state.checkerGone(checker),
      onState: (connected, all) => {
        metrics.connected.set({ upstream: 'health_checkers' }, connected);
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
