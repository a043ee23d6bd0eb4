import type { ProbeTarget } from '@tsgateway/model';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ErrorType, ProbeResult } from './threshold.ts';

const labelNames = ['service', 'namespace', 'endpoint', 'protocol'] as const;
const reasons: readonly ErrorType[] = [
  'Timeout',
  'ConnectionRefused',
  'DNSResolution',
  'HTTPError',
  'TCPError',
  'UDPError',
  'TLSError',
  'Unknown',
];

type Labels = Record<(typeof labelNames)[number], string>;

/** Of targets, how many are in which state. */
export interface TargetCounts {
  readonly healthy: number;
  readonly unhealthy: number;
  readonly unknown: number;
}

/**
 * The documented metrics of probes (M-09). The series of a target stand at zero from its first second on, and go with
 * it. Targets that differ only in what labels do not say (such as the path) share theirs.
 */
export class CheckerMetrics {
  readonly #duration: Histogram<(typeof labelNames)[number]>;
  readonly #success: Counter<(typeof labelNames)[number]>;
  readonly #failure: Counter<(typeof labelNames)[number] | 'reason'>;
  /** How many targets use a set of labels. */
  readonly #users = new Map<string, number>();
  readonly modelConnected: Gauge;

  /** @param count asked at each scrape */
  constructor(registry: Registry, count: () => TargetCounts) {
    const registers = [registry];
    this.#duration = new Histogram({
      name: 'health_check_duration_seconds',
      help: 'How long probes took.',
      labelNames,
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#success = new Counter({
      name: 'health_check_success_total',
      help: 'Probes that succeeded.',
      labelNames,
      registers,
    });
    this.#failure = new Counter({
      name: 'health_check_failure_total',
      help: 'Probes that failed, by reason.',
      labelNames: [...labelNames, 'reason'],
      registers,
    });
    new Gauge({
      name: 'health_checker_targets',
      help: 'Targets by state: healthy, unhealthy, unknown.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, targets] of Object.entries(count())) this.set({ state }, targets);
      },
    });
    this.modelConnected = new Gauge({
      name: 'health_checker_model_connected',
      help: '1 while the stream of the mesh model is open; without it the last targets are probed on.',
      registers,
    });
  }

  added(target: ProbeTarget): void {
    for (const labels of labelsOf(target)) {
      const users = this.#users.get(keyOf(labels)) ?? 0;
      this.#users.set(keyOf(labels), users + 1);
      if (users > 0) continue;
      this.#success.inc(labels, 0);
      for (const reason of reasons) this.#failure.inc({ ...labels, reason }, 0);
    }
  }

  removed(target: ProbeTarget): void {
    for (const labels of labelsOf(target)) {
      const users = this.#users.get(keyOf(labels)) ?? 0;
      this.#users.set(keyOf(labels), users - 1);
      if (users > 1) continue;
      this.#users.delete(keyOf(labels));
      this.#success.remove(labels);
      this.#duration.remove(labels);
      for (const reason of reasons) this.#failure.remove({ ...labels, reason });
    }
  }

  result(target: ProbeTarget, { durationMs, failure }: ProbeResult): void {
    for (const labels of labelsOf(target)) {
      this.#duration.observe(labels, durationMs / 1000);
      if (failure) this.#failure.inc({ ...labels, reason: failure.errorType });
      else this.#success.inc(labels);
    }
  }
}

/** One set for each service that the target serves. */
function labelsOf(target: ProbeTarget): Labels[] {
  return target.services.map((key) => {
    const [namespace = '', service = ''] = key.split('/');
    return { service, namespace, endpoint: `${target.host}:${target.port}`, protocol: target.protocol };
  });
}

const keyOf = (labels: Labels): string => labelNames.map((name) => labels[name]).join('\n');
