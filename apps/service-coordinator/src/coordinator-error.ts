import { status } from '@grpc/grpc-js';
import { TailnetError, type TailnetErrorCode } from '@tsgateway/tailnet';

/**
 * Every way in which a call of this service fails, and the gRPC status that its caller sees. The code itself is in the
 * trailers, as several share a status.
 */
export const COORDINATOR_ERRORS = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'service-not-found': status.NOT_FOUND,
  'tailnet-not-found': status.NOT_FOUND,
  'secret-not-found': status.FAILED_PRECONDITION,
  /** The Secret lacks a key. */
  'secret-invalid': status.FAILED_PRECONDITION,
  /** The tailnet does not know the OAuth client. */
  'credentials-refused': status.UNAUTHENTICATED,
  /** The OAuth client lacks a scope. */
  'not-permitted': status.PERMISSION_DENIED,
  /** The tailnet has something else under this name. */
  'name-taken': status.FAILED_PRECONDITION,
  'too-many-consumers': status.FAILED_PRECONDITION,
  'not-supported': status.UNIMPLEMENTED,
  /** The tailnet, or this process, asks for patience: see `retryAfterMs`. */
  overloaded: status.RESOURCE_EXHAUSTED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  unavailable: status.UNAVAILABLE,
  'not-leading': status.UNAVAILABLE,
  internal: status.INTERNAL,
} as const;

export type CoordinatorErrorCode = keyof typeof COORDINATOR_ERRORS;

/** A call that failed for a reason its caller can act on. */
export class CoordinatorError extends Error {
  override readonly name = 'CoordinatorError';
  readonly code: CoordinatorErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: CoordinatorErrorCode, message: string, details: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
  }
}

const FROM_TAILNET: Record<TailnetErrorCode, CoordinatorErrorCode> = {
  'bad-request': 'invalid-argument',
  'name-taken': 'name-taken',
  unauthorized: 'credentials-refused',
  forbidden: 'not-permitted',
  'not-found': 'tailnet-not-found',
  'rate-limited': 'overloaded',
  unavailable: 'unavailable',
  timeout: 'deadline-exceeded',
  aborted: 'deadline-exceeded',
  malformed: 'unavailable',
};

/** What a caller is told of any failure. Only errors that were worded for callers keep their words. */
export function asCoordinatorError(error: unknown): CoordinatorError {
  if (error instanceof CoordinatorError) return error;
  if (error instanceof TailnetError) {
    const { retryAfterMs } = error;
    return new CoordinatorError(FROM_TAILNET[error.code], `tailnet API: ${error.message}`, {
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      cause: error,
    });
  }
  return new CoordinatorError('internal', 'internal error, see the log of the service coordinator', { cause: error });
}
