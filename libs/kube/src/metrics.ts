import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ControllerMetrics } from './controller.ts';
import type { RequestHook } from './kube-client.ts';
import type { WorkQueue, WorkQueueMetrics } from './work-queue.ts';

/** The hooks of this library as Prometheus metrics, named, labelled and bucketed as controller-runtime's. */
export interface KubeMetrics {
  readonly onRequest: RequestHook;
  /** Hooks for the queue of this controller. Call once per name; `observe` the queue afterwards. */
  queue(name: string): WorkQueueMetrics & { observe(queue: WorkQueue): void };
  controller(name: string, maxConcurrentReconciles: number): ControllerMetrics;
  leader(name: string): (leading: boolean) => void;
}

// controller-runtime, pkg/internal/controller/metrics
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
// client-go's workqueue: 10 ns, times ten, twelve times.
const QUEUE_BUCKETS = Array.from({ length: 12 }, (_, i) => Number(`1e${i - 8}`));

/** Registers the metrics; once per registry. */
export function kubeMetrics(registry: Registry): KubeMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers });

  const requests = counter(
    'rest_client_requests_total',
    'Requests to the Kubernetes API by status code, method and host.',
    ['code', 'method', 'host'],
  );
  const total = counter('controller_runtime_reconcile_total', 'Reconciliations per controller and result.', [
    'controller',
    'result',
  ]);
  const errors = counter('controller_runtime_reconcile_errors_total', 'Reconciliations that failed.', ['controller']);
  const terminal = counter(
    'controller_runtime_terminal_reconcile_errors_total',
    'Reconciliations that failed and are not repeated.',
    ['controller'],
  );
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Time per reconciliation.',
    labelNames: ['controller'],
    buckets: RECONCILE_BUCKETS,
    registers,
  });
  const maximum = gauge('controller_runtime_max_concurrent_reconciles', 'Workers per controller.', ['controller']);
  const active = gauge('controller_runtime_active_workers', 'Workers that are busy.', ['controller']);
  const queueLabels: ['name', 'controller'] = ['name', 'controller'];
  const depth = gauge('workqueue_depth', 'Keys that wait.', queueLabels);
  const adds = counter('workqueue_adds_total', 'Keys that were added.', queueLabels);
  const retries = counter('workqueue_retries_total', 'Keys that were added again after a failure.', queueLabels);
  const histogram = (name: string, help: string): Histogram<'name' | 'controller'> =>
    new Histogram({ name, help, labelNames: queueLabels, buckets: QUEUE_BUCKETS, registers });
  const waited = histogram('workqueue_queue_duration_seconds', 'How long a key waited.');
  const worked = histogram('workqueue_work_duration_seconds', 'How long a key was worked on.');
  const queues = new Map<string, WorkQueue>();
  // Work in progress is measured when it is asked for.
  for (const [name, help, field] of [
    ['workqueue_unfinished_work_seconds', 'Time of the work in progress, all together.', 'totalSeconds'],
    ['workqueue_longest_running_processor_seconds', 'Time of the longest work in progress.', 'longestSeconds'],
  ] as const) {
    new Gauge({
      name,
      help,
      labelNames: queueLabels,
      registers,
      collect() {
        for (const [controller, queue] of queues) this.set({ name: controller, controller }, queue.unfinished()[field]);
      },
    });
  }
  const master = gauge('leader_election_master_status', '1: this process leads.', ['name']);

  return {
    onRequest: ({ code, method, host }) => {
      requests.inc({ code, method, host });
    },
    queue(name) {
      const labels = { name, controller: name };
      depth.set(labels, 0);
      adds.inc(labels, 0);
      retries.inc(labels, 0);
      return {
        added: () => {
          adds.inc(labels);
        },
        depth: (n) => {
          depth.set(labels, n);
        },
        waited: (s) => {
          waited.observe(labels, s);
        },
        worked: (s) => {
          worked.observe(labels, s);
        },
        retried: () => {
          retries.inc(labels);
        },
        observe: (queue) => {
          queues.set(name, queue);
        },
      };
    },
    controller(name, maxConcurrentReconciles) {
      const labels = { controller: name };
      maximum.set(labels, maxConcurrentReconciles);
      // A rate over a counter that does not exist yet is no rate: all start at zero.
      for (const result of ['success', 'error', 'requeue', 'requeue_after']) total.inc({ ...labels, result }, 0);
      errors.inc(labels, 0);
      terminal.inc(labels, 0);
      active.set(labels, 0);
      return {
        active: (n) => {
          active.set(labels, n);
        },
        reconciled: (result, seconds) => {
          total.inc({ ...labels, result });
          time.observe(labels, seconds);
        },
        errored: (kind) => {
          errors.inc(labels);
          if (kind === 'terminal') terminal.inc(labels);
        },
      };
    },
    leader(name) {
      master.set({ name }, 0);
      return (leading) => {
        master.set({ name }, leading ? 1 : 0);
      };
    },
  };
}
