import type { status } from '@grpc/grpc-js';

/** An answer to Envoy Gateway that is an error. */
export class HookError extends Error {
  override readonly name = 'HookError';
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}
