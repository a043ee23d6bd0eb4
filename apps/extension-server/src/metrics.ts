import { Counter, Gauge, type Registry } from 'prom-client';

/** What the extension server counts besides its calls. */
export interface ExtensionServerMetrics {
  readonly streams: Gauge;
  readonly pushes: Counter;
  readonly rejected: Counter;
  readonly degradedRules: Gauge;
  readonly modelRevision: Gauge;
  readonly connected: Gauge<'upstream'>;
  readonly panics: Gauge;
}

export function extensionServerMetrics(registry: Registry): ExtensionServerMetrics {
  const registers = [registry];
  return {
    streams: new Gauge({ name: 'extension_server_eds_streams', help: 'EDS streams that Envoys have open.', registers }),
    pushes: new Counter({ name: 'extension_server_eds_pushes_total', help: 'Assignments sent to Envoys.', registers }),
    rejected: new Counter({
      name: 'extension_server_eds_rejected_total',
      help: 'Responses that an Envoy refused (NACK).',
      registers,
    }),
    degradedRules: new Gauge({
      name: 'extension_server_degraded_rules',
      help: 'Rules of the last translation whose weights or ports were not known.',
      registers,
    }),
    modelRevision: new Gauge({
      name: 'extension_server_model_revision',
      help: 'Revision of the mesh model that is in use.',
      registers,
    }),
    connected: new Gauge({
      name: 'extension_server_upstream_connected',
      help: 'Open streams to: operator (1 or 0), health_checkers (how many). Without one, the last good state serves.',
      labelNames: ['upstream'],
      registers,
    }),
    panics: new Gauge({
      name: 'extension_server_panicking_services',
      help: 'Services without a healthy machine: all their machines are tried.',
      registers,
    }),
  };
}
