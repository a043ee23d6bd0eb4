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
  for (let e = error; isErrorLike(e); e = e.cause ?? e.errors?.[0]) {
    for (const id of [e.code, e.name]) {
      const errorType = types.find(([pattern]) => pattern.test(id ?? ''))?.[1];
      if (errorType) return { errorType, message: `${id}: ${e.message || errorType}`.slice(0, maxMessage) };
    }
  }
  const message = isErrorLike(error) ? error.message : String(error);
  return { errorType: 'Unknown', message: message.slice(0, maxMessage) };
}

const maxMessage = 256;

interface ErrorLike {
  readonly message: string;
  readonly name?: string;
  readonly code?: string;
  readonly cause?: unknown;
  /** Of an AggregateError: one for each address that was tried. */
  readonly errors?: readonly unknown[];
}

const isErrorLike = (e: unknown): e is ErrorLike => typeof e === 'object' && e !== null && 'message' in e;
