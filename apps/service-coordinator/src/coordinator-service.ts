import { Metadata, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import type { CoordinatorServiceServer } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { asCoordinatorError, COORDINATOR_ERRORS } from './coordinator-error.ts';
import type { Coordinator, Log } from './coordinator.ts';

/** Longest that a call may take, whatever deadline its caller gives, in ms. */
const MAX_CALL_MS = 30_000;

/** `CoordinatorService` on grpc-js: deadlines, cancellation and status codes around the plain functions. */
export function coordinatorService(coordinator: Coordinator, log: Log): CoordinatorServiceServer {
  const unary =
    <Q, R>(work: (request: Q, signal: AbortSignal) => Promise<R>) =>
    (call: ServerUnaryCall<Q, R>, callback: sendUnaryData<R>): void => {
      const cancelled = new AbortController();
      call.on('cancelled', () => cancelled.abort());
      const signal = AbortSignal.any([cancelled.signal, AbortSignal.timeout(remainingMs(call.getDeadline()))]);
      work(call.request, signal).then(
        (response) => callback(null, response),
        (error: unknown) => callback(refusal(call.getPath(), error, log)),
      );
    };
  return {
    describeTailnet: unary((request) => coordinator.describeTailnet(request)),
    ensure: unary((request, signal) => coordinator.ensure(request, signal)),
    detach: unary((request, signal) => coordinator.detach(request, signal)),
  };
}

/** A failure as gRPC has it. In the trailers: `error-code`, and `retry-after-ms` where a time is known. */
function refusal(method: string, error: unknown, log: Log) {
  const { code, message, retryAfterMs, cause } = asCoordinatorError(error);
  const metadata = new Metadata();
  metadata.set('error-code', code);
  if (retryAfterMs !== undefined) metadata.set('retry-after-ms', String(Math.ceil(retryAfterMs)));
  const fields = { method, code, err: message, ...(code === 'internal' ? { stack: (cause as Error)?.stack } : {}) };
  log[code === 'internal' ? 'error' : 'warn'](fields, 'call failed');
  return { code: COORDINATOR_ERRORS[code] ?? status.UNKNOWN, details: message, metadata };
}

function remainingMs(deadline: Date | number): number {
  const remaining = Number(deadline) - Date.now();
  return Number.isFinite(remaining) ? Math.max(1, Math.min(MAX_CALL_MS, remaining)) : MAX_CALL_MS;
}
