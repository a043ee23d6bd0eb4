/** What went wrong with a call to the Kubernetes API. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** HTTP status; 0: no answer (connection refused, deadline, cut off). */
  readonly status: number;
  /** The API's reason ("NotFound", "Conflict", ...), or "ConnectionFailed", "DeadlineExceeded", "Canceled". */
  readonly reason: string;
  /** Method and path of the call. */
  readonly path: string;
  readonly retryAfterMs: number | undefined;

  constructor(fields: {
    readonly status: number;
    readonly reason: string;
    readonly message: string;
    readonly path: string;
    readonly retryAfterMs?: number | undefined;
    readonly cause?: unknown;
  }) {
    super(`${fields.path}: ${fields.message}`, { cause: fields.cause });
    this.status = fields.status;
    this.reason = fields.reason;
    this.path = fields.path;
    this.retryAfterMs = fields.retryAfterMs;
  }
}

const isKubeError = (error: unknown): error is KubeError => error instanceof KubeError;

export const isNotFound = (error: unknown): boolean => isKubeError(error) && error.status === 404;
export const isConflict = (error: unknown): boolean => isKubeError(error) && error.status === 409;
/** The resourceVersion or continue token is too old: list again. */
export const isGone = (error: unknown): boolean =>
  isKubeError(error) && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');
