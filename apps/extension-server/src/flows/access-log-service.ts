import type { handleClientStreamingCall, ServerReadableStream } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import { AccessLogServiceService, StreamAccessLogsMessage } from '@tsgateway/protos/envoy/service/accesslog/v3/als';

export interface AccessLogServiceOptions {
  readonly onMessage: (message: StreamAccessLogsMessage) => void;
  /** A message could not be read: its entries are lost. */
  readonly onLost: () => void;
  /** Open streams: one per worker thread of each Envoy. */
  readonly onStreams: (count: number) => void;
  readonly log: Logger;
}

/** Envoy's service over serialized requests, so that one bad message does not end the stream with the good ones. */
export const accessLogDefinition = {
  streamAccessLogs: {
    ...AccessLogServiceService.streamAccessLogs,
    requestDeserialize: (request: Buffer) => request,
  },
};

/**
 * Envoy's AccessLogService. Nothing is kept: a message is read, counted and gone, and where this is too slow, flow
 * control makes Envoy drop entries (its `access_logs.grpc_access_log.logs_dropped`); a request never waits for its log.
 */
export class AccessLogService {
  readonly #options: AccessLogServiceOptions;
  #streams = 0;

  constructor(options: AccessLogServiceOptions) {
    this.#options = options;
  }

  get implementation(): { streamAccessLogs: handleClientStreamingCall<Buffer, object> } {
    return { streamAccessLogs: (stream, done) => this.#serve(stream, done) };
  }

  #serve(stream: ServerReadableStream<Buffer, object>, done: (error: null, response: object) => void): void {
    const { onMessage, onLost, onStreams, log } = this.#options;
    onStreams(++this.#streams);
    let open = true;
    let complained = false;
    const gone = () => {
      if (open) onStreams(--this.#streams);
      open = false;
    };
    stream.on('data', (request: Buffer) => {
      let message: StreamAccessLogsMessage;
      try {
        message = StreamAccessLogsMessage.decode(request);
      } catch (err) {
        onLost();
        if (!complained) log.warn({ err, peer: stream.getPeer() }, 'Access log message cannot be read');
        complained = true;
        return;
      }
      onMessage(message);
    });
    stream.on('end', () => {
      gone();
      done(null, {});
    });
    for (const event of ['error', 'close', 'cancelled']) stream.on(event, gone);
  }
}
