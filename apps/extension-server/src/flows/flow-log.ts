import {
  type AccessLogCommon,
  AccessLogType,
  TLSProperties_TLSVersion as TlsVersion,
} from '@tsgateway/protos/envoy/data/accesslog/v3/accesslog';
import type { StreamAccessLogsMessage } from '@tsgateway/protos/envoy/service/accesslog/v3/als';

/** What is counted of a flow: a request and its response, or a TCP connection. */
export interface FlowMetrics {
  /** A flow ended. */
  captured(result: 'success' | 'error'): void;
  /** An access-log entry was read. */
  processed(): void;
  /** An entry came after one that belongs behind it. */
  outOfOrder(): void;
  missingStart(): void;
  missingEnd(): void;
  /** The client's address is not known. */
  missingSocket(): void;
  /** A flow was cut off by a reset of its stream or connection, at either end. */
  reset(): void;
  /** A TLS handshake of a client was looked at. */
  tlsHandshake(result: 'success' | 'error'): void;
  /** Flows that have begun and not ended. */
  tracked(count: number): void;
}

/** Beyond this many the oldest flow is forgotten, and counts as one without an end. */
const maxTracked = 50_000;

/**
 * Counts flows by Envoy's access log, in constant time an entry and with bounded memory. Envoys log a flow when it
 * ends; those that log its begin or its progress, too (`access_log_type`), also show how many are under way.
 */
export class FlowLog {
  readonly #metrics: FlowMetrics;
  readonly #maxTracked: number;
  /** By stream id: whether its progress was seen already. In the order in which they began. */
  readonly #open = new Map<string, 'started' | 'running'>();

  constructor(metrics: FlowMetrics, options: { maxTracked?: number } = {}) {
    this.#metrics = metrics;
    this.#maxTracked = options.maxTracked ?? maxTracked;
  }

  add({ logEntries }: Pick<StreamAccessLogsMessage, 'logEntries'>): void {
    for (const { commonProperties: entry } of logEntries?.value.logEntry ?? []) {
      this.#metrics.processed();
      // A connection or request of Envoy's own to a backend is a part of a flow, not another one.
      if (!entry || upstreamTypes.has(entry.accessLogType)) continue;
      const phase = phaseOf(entry);
      if (phase === 'end') this.#end(entry);
      else this.#track(entry.streamId, phase);
    }
    this.#metrics.tracked(this.#open.size);
  }

  #track(id: string, phase: 'started' | 'running'): void {
    if (id === '') return;
    if (phase === 'started' && this.#open.has(id)) this.#metrics.outOfOrder();
    else this.#open.set(id, phase);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= this.#maxTracked) break;
      this.#open.delete(oldest);
      this.#metrics.missingEnd();
    }
  }

  #end(entry: AccessLogCommon): void {
    const metrics = this.#metrics;
    this.#open.delete(entry.streamId);
    const flags = entry.responseFlags;
    const reset = flags !== undefined && resetFlags.some((flag) => flags[flag]);
    const failed = reset || (flags !== undefined && failureFlags.some((flag) => flags[flag]));
    const handshakeFailed = entry.downstreamTransportFailureReason !== '';
    metrics.captured(failed || handshakeFailed ? 'error' : 'success');
    if (reset) metrics.reset();
    if (entry.startTime === undefined) metrics.missingStart();
    if (entry.duration === undefined && entry.timeToLastDownstreamTxByte === undefined) metrics.missingEnd();
    if (entry.downstreamRemoteAddress === undefined) metrics.missingSocket();
    if (handshakeFailed) metrics.tlsHandshake('error');
    else if (entry.tlsProperties) {
      const known = entry.tlsProperties.tlsVersion !== TlsVersion.VERSION_UNSPECIFIED;
      metrics.tlsHandshake(known ? 'success' : 'error');
    }
  }
}

const upstreamTypes: ReadonlySet<AccessLogType> = new Set([
  AccessLogType.TcpUpstreamConnected,
  AccessLogType.UpstreamPoolReady,
  AccessLogType.UpstreamPeriodic,
  AccessLogType.UpstreamEnd,
  AccessLogType.UdpTunnelUpstreamConnected,
]);

function phaseOf(entry: AccessLogCommon): 'started' | 'running' | 'end' {
  switch (entry.accessLogType) {
    case AccessLogType.DownstreamStart:
      return 'started';
    case AccessLogType.DownstreamPeriodic:
    case AccessLogType.TcpPeriodic:
    case AccessLogType.UdpPeriodic:
    case AccessLogType.DownstreamTunnelSuccessfullyEstablished:
      return 'running';
    default:
      return entry.intermediateLogEntry ? 'running' : 'end';
  }
}

/** Response flags URX's parts, UC, UR, LR, DC and DR: somebody cut the stream or its connection. */
const resetFlags = [
  'localReset',
  'upstreamRemoteReset',
  'upstreamConnectionTermination',
  'downstreamConnectionTermination',
  'downstreamRemoteReset',
] as const;

/** Other flags of a flow that did not come to its end as it should. */
const failureFlags = [
  'noHealthyUpstream',
  'upstreamRequestTimeout',
  'upstreamConnectionFailure',
  'upstreamOverflow',
  'noRouteFound',
  'noClusterFound',
  'upstreamRetryLimitExceeded',
  'streamIdleTimeout',
  'downstreamProtocolError',
  'upstreamProtocolError',
  'upstreamMaxStreamDurationReached',
  'durationTimeout',
  'overloadManager',
  'dnsResolutionFailure',
] as const;
