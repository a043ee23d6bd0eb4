import { randomUUID } from 'node:crypto';
import { credentials } from '@grpc/grpc-js';
import { applyUpdate, emptyModel, type ProbeTarget, probeTargets } from '@tsgateway/model';
import { runService } from '@tsgateway/process';
import { HealthServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { MeshModelServiceClient, type ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { clientOptions, createRpcServer, watchStream } from '@tsgateway/rpc';
import { Checker } from './checker.ts';
import { envSchema } from './config.ts';
import { HealthReports } from './health-reports.ts';
import { CheckerMetrics, type TargetCounts } from './metrics.ts';
import type { TargetState } from './threshold.ts';

await runService({
  name: 'health-checker',
  env: envSchema,
  start: async ({ env, log, metrics: registry, signal, ready, onStop }) => {
    const metrics: CheckerMetrics = new CheckerMetrics(registry, () => countByState(checker.states()));
    const synced = ready.add('model');

    // What is probed, and what is told of it.
    const identity = `${env.POD_NAME}/${randomUUID()}`;
    const reports: HealthReports = new HealthReports(identity, () => checker.states());
    const checker = new Checker({
      onChange: (target, state) => {
        const failure = state.recentFailures.at(-1);
        const fields = {
          target: target.id,
          services: target.services,
          reason: failure?.errorType,
          error: failure?.message,
        };
        if (state.healthy) log.info({ target: target.id, services: target.services }, 'Target is healthy');
        else log.warn(fields, 'Target is unhealthy: its health check failed');
        reports.changed(target, state);
      },
      onRemoved: (target) => reports.removed(target),
      onResult: (target, result) => metrics.result(target, result),
    });
    onStop('probes', () => checker.close());

    // Those who want to know.
    const server = createRpcServer({ log: log.child('grpc'), metrics: registry });
    server.add(HealthServiceService, { watchHealth: reports.watchHealth });
    await server.listen(`${env.BIND_HOST}:${env.GRPC_PORT}`);
    onStop('gRPC server', () => server.close());

    // The operator, who says what to probe. While it is away, the last targets are probed on.
    let model = emptyModel;
    let targets = probeTargets(model);
    const client = new MeshModelServiceClient(env.OPERATOR_ADDRESS, credentials.createInsecure(), clientOptions());
    onStop('model client', () => client.close());
    watchStream<ModelUpdate>({
      name: `model of ${env.OPERATOR_ADDRESS}`,
      open: () => client.watchModel({ client: `health-checker/${env.POD_NAME}` }),
      onMessage: (update) => {
        const next = applyUpdate(model, update, (key, err) => log.error({ key, err }, 'Part of the model is refused'));
        if (next === 'stale') {
          log.warn({ revision: String(update.revision) }, 'The model is older than what is known: ignored');
          return;
        }
        model = next;
        synced(true, `revision ${next.revision}`);
        reports.epoch = next.checkers.epoch;
        const before = targets;
        targets = probeTargets(next);
        checker.set(targets);
        for (const [id, old] of before) if (!sameServices(targets.get(id), old)) metrics.removed(old);
        for (const [id, now] of targets) if (!sameServices(before.get(id), now)) metrics.added(now);
      },
      onState: (connected) => {
        metrics.modelConnected.set(connected ? 1 : 0);
        // Without an operator the last targets are probed on, which is no reason to be taken out of service.
        if (!connected && model !== emptyModel) synced(true, `revision ${model.revision}, the operator is away`);
      },
      log: log.child('grpc'),
      signal,
    });
  },
});

function countByState(states: Iterable<[ProbeTarget, TargetState]>): TargetCounts {
  const counts = { healthy: 0, unhealthy: 0, unknown: 0 };
  for (const [, { healthy }] of states) counts[healthy === undefined ? 'unknown' : healthy ? 'healthy' : 'unhealthy']++;
  return counts;
}

const sameServices = (a: ProbeTarget | undefined, b: ProbeTarget): boolean => a?.services.join() === b.services.join();
