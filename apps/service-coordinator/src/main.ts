import { once } from 'node:events';
import { KubeClient, kubeMetrics, LeaderElector } from '@tsgateway/kube';
import { runService } from '@tsgateway/process';
import { CoordinatorServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { createRpcServer } from '@tsgateway/rpc';
import { buildCoordinator } from './build-coordinator.ts';
import { envSchema } from './config.ts';
import { coordinatorMetrics } from './coordinator-metrics.ts';
import { coordinatorService } from './coordinator-service.ts';
import { secretReader } from './secret-reader.ts';

const SERVICE = 'tsgateway.v1alpha1.CoordinatorService';

await runService({
  name: 'service-coordinator',
  env: envSchema,
  start: async ({ env, log: root, metrics, signal, ready, onStop }) => {
    const log = root.child('ServiceCoordinator');

    // 1. The Kubernetes API: credentials Secrets, and the Lease.
    const kube = kubeMetrics(metrics);
    const client = KubeClient.connect({
      kubeconfigPath: env.KUBECONFIG,
      userAgent: `service-coordinator (${env.POD_NAME})`,
      qps: 20,
      burst: 40,
      onRequest: kube.onRequest,
    });
    onStop('kubernetes client', () => client.close());

    // 2. The coordinator itself. It refuses calls until it leads.
    const { coordinator, close } = buildCoordinator({
      apiUrl: env.TAILSCALE_API_URL,
      readSecret: secretReader(client),
      metrics: coordinatorMetrics(metrics),
      log,
    });
    onStop('tailnet clients', close);

    // 3. gRPC. A standby serves health and says that it is one.
    const server = createRpcServer({ log, metrics });
    server.add(CoordinatorServiceService, coordinatorService(coordinator, log));
    const role = ready.add('leadership');
    const announce = (leading: boolean): void => {
      server.setServing(SERVICE, leading);
      role(true, leading ? 'leader' : 'standby');
    };
    announce(false);
    const port = await server.listen(`${env.BIND_HOST}:${env.GRPC_PORT}`);
    onStop('gRPC server', () => server.close());
    log.info({ port, tailnetApi: env.TAILSCALE_API_URL }, 'Starting ServiceCoordinator');

    // 4. Leadership, last: from here on calls are answered.
    const lead = (): void => {
      coordinator.lead();
      announce(true);
    };
    if (!env.LEADER_ELECTION_ENABLED) {
      lead();
      return;
    }
    const elector = new LeaderElector({
      client,
      lease: { namespace: env.POD_NAMESPACE, name: env.LEADER_ELECTION_ID },
      identity: `${env.POD_NAME}_${process.pid}`,
      log: root.child('leader-election'),
      onStatus: kube.leader(env.LEADER_ELECTION_ID),
      onStartedLeading: async (lost) => {
        lead();
        if (!lost.aborted) await once(lost, 'abort');
        announce(false);
        // The lease is given back only after this: the next leader finds nobody at work.
        await coordinator.stopLeading();
      },
    });
    const elected = elector.run(signal);
    onStop('leader election', () => elected);
  },
});
