import type { CallEvent } from '@tsgateway/tailnet';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the coordinator counts. */
export interface CoordinatorMetrics {
  /** VIP services that this coordinator looks after. */
  services(count: number): void;
  /** An operator was put on a service, or its part of it was changed. */
  registered(): void;
  cleaned(operation: 'detach' | 'delete'): void;
  /** A look in the background found a write lost, and repeated it. */
  reasserted(): void;
  apiCall(event: CallEvent): void;
}

/** Registers the metrics; once per registry. */
export function coordinatorMetrics(registry: Registry): CoordinatorMetrics {
  const registers = [registry];
  const gauges = ['service_coordinator_services', 'service_coordinator_services_total'].map(
    (name, index) =>
      new Gauge({
        name,
        help: `VIP services that are looked after${index === 0 ? '' : ' (the documented name of the same gauge)'}.`,
        registers,
      }),
  );
  const registrations = new Counter({
    name: 'service_coordinator_registrations_total',
    help: 'Times that an operator was put on a VIP service, or its part of it changed.',
    registers,
  });
  const cleanups = new Counter({
    name: 'service_coordinator_cleanup_operations_total',
    help: 'Users taken off VIP services, and VIP services deleted with their last user.',
    labelNames: ['operation'],
    registers,
  });
  const reasserted = new Counter({
    name: 'service_coordinator_reasserted_writes_total',
    help: 'Writes that another writer had undone and that were repeated.',
    registers,
  });
  const calls = new Counter({
    name: 'tailnet_api_requests_total',
    help: 'Requests to the tailnet API by operation and outcome.',
    labelNames: ['operation', 'outcome'],
    registers,
  });
  const limited = new Counter({
    name: 'tailnet_api_rate_limited_total',
    help: 'Requests that the tailnet API answered with 429.',
    registers,
  });
  const duration = new Histogram({
    name: 'tailnet_api_request_duration_seconds',
    help: 'Time per request to the tailnet API.',
    labelNames: ['operation'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  cleanups.inc({ operation: 'detach' }, 0);
  cleanups.inc({ operation: 'delete' }, 0);
  return {
    services: (count) => gauges.forEach((gauge) => gauge.set(count)),
    registered: () => registrations.inc(),
    cleaned: (operation) => cleanups.inc({ operation }),
    reasserted: () => reasserted.inc(),
    apiCall: ({ operation, outcome, status, durationMs }) => {
      calls.inc({ operation, outcome });
      if (status === 429) limited.inc();
      duration.observe({ operation }, durationMs / 1000);
    },
  };
}
