import { status } from '@grpc/grpc-js';
import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

export type CallType = 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';

export interface CallLabels {
  readonly grpc_type: CallType;
  readonly grpc_service: string;
  readonly grpc_method: string;
}

/** Metrics of a gRPC server; several servers of a process may share them. */
export interface ServerMetrics {
  started(labels: CallLabels): void;
  /**
   * An error is every status but OK; a stream that its client cancelled, or that ends with the server, is none.
   * Latency of streams is how long they were open.
   */
  finished(labels: CallLabels, result: { code: status; seconds: number }): void;
}

const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const;

/** Prometheus' own default buckets; the objective of 100 ms is one of them. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function serverMetrics(registry: Registry): ServerMetrics {
  const registers = [registry];
  const requests =
    existing<Counter<(typeof labelNames)[number]>>(registry, 'grpc_server_requests_total') ??
    new Counter({ name: 'grpc_server_requests_total', help: 'Calls that were started.', labelNames, registers });
  const duration =
    existing<Histogram<(typeof labelNames)[number]>>(registry, 'grpc_server_request_duration_seconds') ??
    new Histogram({
      name: 'grpc_server_request_duration_seconds',
      help: 'Time from the start of a call to its status.',
      labelNames,
      buckets,
      registers,
    });
  const errors =
    existing<Counter<(typeof labelNames)[number] | 'grpc_code'>>(registry, 'grpc_server_errors_total') ??
    new Counter({
      name: 'grpc_server_errors_total',
      help: 'Calls that ended with another status than OK.',
      labelNames: [...labelNames, 'grpc_code'],
      registers,
    });
  return {
    started: (labels) => requests.inc({ ...labels }),
    finished: (labels, { code, seconds }) => {
      duration.observe({ ...labels }, seconds);
      const endOfStream = labels.grpc_type !== 'unary' && (code === status.CANCELLED || code === status.UNAVAILABLE);
      if (code !== status.OK && !endOfStream) errors.inc({ ...labels, grpc_code: status[code] ?? String(code) });
    },
  };
}

const existing = <M>(registry: Registry, name: string): M | undefined =>
  registry.getSingleMetric(name) as M | undefined;
