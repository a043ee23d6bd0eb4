import { ServerInterceptingCall, ServerListenerBuilder, status } from '@grpc/grpc-js';
import type { ServerInterceptor, StatusObject } from '@grpc/grpc-js';

import type { ConnectionAges } from './connection-ages.ts';
import type { CallLabels, CallType, ServerMetrics } from './server-metrics.ts';

type MethodDescriptor = Parameters<ServerInterceptor>[0];
type Call = Parameters<ServerInterceptor>[1];

/** Counts every call of a server, whatever its serializers are, and knows which streams are open. */
export class CallObserver {
  readonly #metrics: ServerMetrics;
  readonly #ages: ConnectionAges;
  readonly #labels = new Map<string, CallLabels>();
  readonly #openStreams = new Set<Call>();

  constructor(metrics: ServerMetrics, ages: ConnectionAges) {
    this.#metrics = metrics;
    this.#ages = ages;
  }

  readonly interceptor: ServerInterceptor = (method, call) => {
    const labels = this.#labelsOf(method);
    const isStream = method.requestStream || method.responseStream;
    const startedAt = performance.now();
    let finished = false;
    const finish = (code: status): void => {
      if (finished) return;
      finished = true;
      if (isStream && this.#openStreams.delete(call)) this.#ages.remove(call);
      this.#metrics.finished(labels, { code, seconds: (performance.now() - startedAt) / 1000 });
    };
    this.#metrics.started(labels);

    // grpc-js sends the statuses of its own (deadline, message too large, bad bytes) past all interceptors, but through
    // this method of the innermost call.
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent: Parameters<typeof sendStatus>[0]) => {
      finish(sent.code ?? status.UNKNOWN);
      sendStatus(sent);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next(
          new ServerListenerBuilder()
            .withOnReceiveMetadata((metadata, nextMetadata) => {
              if (!finished && isStream) {
                this.#openStreams.add(call);
                this.#ages.add(call);
              }
              nextMetadata(metadata);
            })
            .withOnCancel(() => finish(status.CANCELLED))
            .build(),
        ),
    });
  };

  /** Ends every open stream with UNAVAILABLE, so that its reader goes elsewhere. */
  endStreams(details: string): void {
    const ending: Pick<StatusObject, 'code' | 'details' | 'metadata'> = {
      code: status.UNAVAILABLE,
      details,
      metadata: null as never,
    };
    for (const call of [...this.#openStreams]) call.sendStatus(ending);
  }

  #labelsOf(method: MethodDescriptor): CallLabels {
    const known = this.#labels.get(method.path);
    if (known) return known;
    const [, service = '', name = ''] = method.path.split('/');
    const labels: CallLabels = { grpc_type: callType(method), grpc_service: service, grpc_method: name };
    this.#labels.set(method.path, labels);
    return labels;
  }
}

function callType({ requestStream, responseStream }: MethodDescriptor): CallType {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}
