import type { ErrorType, ProbeFailure } from '../threshold.ts';

const types: readonly (readonly [RegExp, ErrorType])[] = [
  [/^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ABORT_ERR|TimeoutError)$/, 'Timeout'],
  [/^ECONNREFUSED$/, 'ConnectionRefused'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'DNSResolution'],
  [
    /^(ERR_TLS_\w+|ERR_SSL_\w+|EPROTO|CERT_\w+|UNABLE_TO_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|HOSTNAME_MISMATCH)$/,
    'TLSError',
  ],
  [/^(HPE_\w+|UND_ERR_(HEADERS_OVERFLOW|RES_CONTENT_LENGTH_MISMATCH|RESPONSE\w*|INVALID\w*))$/, 'HTTPError'],
  [/^(E[A-Z]+|UND_ERR_SOCKET)$/, 'TCPError'],
];

/** What an error of a socket or of an HTTP client means for a status. */
export function failureOf(error: unknown): ProbeFailure {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    for (const id of [(e as NodeJS.ErrnoException).code, e.name]) {
      if (typeof id !== 'string') continue;
      const errorType = types.find(([pattern]) => pattern.test(id))?.[1];
      if (errorType) return { errorType, message: `${id}: ${e.message || errorType}`.slice(0, 256) };
    }
    if (e instanceof AggregateError && e.errors.length > 0) return failureOf(e.errors[0]);
  }
  return { errorType: 'Unknown', message: String(error instanceof Error ? error.message : error).slice(0, 256) };
}
