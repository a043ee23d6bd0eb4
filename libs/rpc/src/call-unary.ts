import { setTimeout as sleep } from 'node:timers/promises';

import { status } from '@grpc/grpc-js';
import type { CallOptions, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';

import { Backoff } from './backoff.ts';

export interface CallUnaryOptions {
  /** For all attempts together. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Attempts after the first, on UNAVAILABLE only; 3 unless told. Use 0 where a repetition does harm. */
  readonly retries?: number;
}

/** Starts the call; `options` holds the deadline and belongs into the call. */
export type InvokeUnary<T> = (
  callback: (error: ServiceError | null, response?: T) => void,
  options: CallOptions,
) => ClientUnaryCall;

/**
 * A unary call as a promise.
 *
 * An attempt that fails with UNAVAILABLE is repeated with jittered backoff while the deadline allows: such a call may
 * have been executed, so it must be idempotent, as all calls between our services are.
 * @throws ServiceError with `code`; DEADLINE_EXCEEDED after `deadlineMs` whatever the server does. After an abort it
 * throws the signal's reason.
 */
export async function callUnary<T>(invoke: InvokeUnary<T>, options: CallUnaryOptions): Promise<T> {
  const deadline = Date.now() + options.deadlineMs;
  const backoff = new Backoff({ minMs: 50, maxMs: 1_000 });
  for (let left = options.retries ?? 3; ; left--) {
    options.signal?.throwIfAborted();
    try {
      return await attempt(invoke, { deadline, signal: options.signal });
    } catch (error) {
      options.signal?.throwIfAborted();
      const waitMs = backoff.next();
      const retriable = (error as Partial<ServiceError>).code === status.UNAVAILABLE;
      if (!retriable || left <= 0 || Date.now() + waitMs >= deadline) throw error;
      await sleep(waitMs, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
    }
  }
}

function attempt<T>(
  invoke: InvokeUnary<T>,
  { deadline, signal }: { deadline: number; signal: AbortSignal | undefined },
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = (): void => call.cancel();
    const call = invoke(
      (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (error) reject(error);
        else resolve(response as T);
      },
      { deadline },
    );
    signal?.addEventListener('abort', cancel, { once: true });
  });
}
