import type { Degraded } from '@tsgateway/xds';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { FlowMetrics } from './flows/flow-log.ts';

/** What the extension server counts besides its calls. */
export interface ExtensionServerMetrics {
  readonly streams: Gauge<'service'>;
  readonly pushes: Counter;
  readonly rejected: Counter;
  readonly degradedRules: Gauge<'source'>;
  readonly modelRevision: Gauge;
  readonly modelSetBacks: Counter;
  readonly connected: Gauge<'upstream'>;
  readonly healthFresh: Gauge;
  readonly panics: Gauge;
  readonly loadReports: Counter;
  readonly trafficGroups: Gauge;
  readonly accessLogLost: Counter;
  readonly flows: FlowMetrics;
}

export function extensionServerMetrics(registry: Registry): ExtensionServerMetrics {
  const registers = [registry];
  return {
    streams: new Gauge({
      name: 'extension_server_xds_streams',
      help: 'Streams that Envoys have open, by service: eds (one per cluster), lrs (one per Envoy), als (one per worker).',
      labelNames: ['service'],
      registers,
    }),
    pushes: new Counter({ name: 'extension_server_eds_pushes_total', help: 'Assignments sent to Envoys.', registers }),
    rejected: new Counter({
      name: 'extension_server_eds_rejected_total',
      help: 'Responses that an Envoy refused (NACK).',
      registers,
    }),
    degradedRules: degradedRules(registry),
    modelRevision: new Gauge({
      name: 'extension_server_model_revision',
      help: 'Revision of the mesh model that is in use.',
      registers,
    }),
    modelSetBacks: new Counter({
      name: 'extension_server_model_set_backs_total',
      help: 'Models of an older revision that were taken, as there had been no other for a minute.',
      registers,
    }),
    connected: new Gauge({
      name: 'extension_server_upstream_connected',
      help: 'Open streams to: operator (1 or 0), health_checkers (how many). Without one, the last good state serves.',
      labelNames: ['upstream'],
      registers,
    }),
    healthFresh: new Gauge({
      name: 'extension_server_health_fresh',
      help: '1: every checker that the model names is heard; 0: one has been away for 15 s, EDS reports NOT_SERVING.',
      registers,
    }),
    panics: new Gauge({
      name: 'extension_server_panicking_services',
      help: 'Services without a healthy machine: all their machines are tried.',
      registers,
    }),
    loadReports: new Counter({
      name: 'extension_server_load_reports_total',
      help: 'Reports of request counts that came from Envoys.',
      registers,
    }),
    trafficGroups: new Gauge({
      name: 'extension_server_traffic_groups',
      help: 'Groups of backends whose requests are counted.',
      registers,
    }),
    accessLogLost: new Counter({
      name: 'flow_msgs_lost',
      help: 'Access-log messages that could not be read. What Envoy drops itself is in its own statistics.',
      registers,
    }),
    flows: flowMetrics(registry),
  };
}

/** Why a rule is degraded, as @tsgateway/xds says it. */
export const degradedSources = [
  'remembered',
  'equal',
  'partial',
  'unbound',
  'invalid',
] as const satisfies readonly Degraded['source'][];

function degradedRules(registry: Registry): Gauge<'source'> {
  const made = new Gauge({
    name: 'extension_server_degraded_rules',
    help: 'Rules of the last translation that do not do what their route says: with shares last known (remembered), the same for all (equal), or without backends that Envoy Gateway refused (partial); or that answer 500, as they are not known (unbound) or Envoy would refuse them (invalid).',
    labelNames: ['source'],
    registers: [registry],
  });
  for (const source of degradedSources) made.set({ source }, 0);
  return made;
}

/** Names without `_total`, and without a prefix, are those of the documented metrics. */
function flowMetrics(registry: Registry): FlowMetrics {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const byStatus = (name: string, help: string) => {
    const made = new Counter({ name, help, labelNames: ['status'], registers });
    for (const status of ['success', 'error']) made.inc({ status }, 0);
    return made;
  };
  const captured = byStatus('flows_task_total', 'Flows captured: requests and connections that ended, by how.');
  const processed = counter('flow_msgs', 'Access-log entries processed.');
  const outOfOrder = counter(
    'flow_out_of_order_msgs',
    'Access-log entries that came after one that belongs behind them.',
  );
  const missingEnd = counter('flow_missing_ended', 'Flows without an ending time, or whose end never came.');
  const missingStart = counter('flow_missing_started', 'Flows without a starting time.');
  const missingSocket = counter('flow_missing_socket', "Flows without the client's address.");
  const reset = counter('resetconn_msgs', 'Flows that a reset or a closed connection cut off, at either end.');
  const tls = byStatus('tlsheaders_parse_total', 'TLS handshakes of clients that Envoy reported, by their outcome.');
  const tracked = new Gauge({
    name: 'flow_flows_tracked',
    help: 'Flows that have begun and not ended; only where Envoy logs their begin or progress.',
    registers,
  });
  return {
    captured: (status) => captured.inc({ status }),
    processed: () => processed.inc(),
    outOfOrder: () => outOfOrder.inc(),
    missingStart: () => missingStart.inc(),
    missingEnd: () => missingEnd.inc(),
    missingSocket: () => missingSocket.inc(),
    reset: () => reset.inc(),
    tlsHandshake: (status) => tls.inc({ status }),
    tracked: (count) => tracked.set(count),
  };
}
