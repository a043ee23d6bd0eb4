/** Every way in which a call of the tailnet's control API can fail. */
export const TAILNET_ERRORS = {
  'bad-request': 'the API refused the request as it is (HTTP 400, 409, 422): repeating it does not help',
  'name-taken': 'the name exists in the tailnet but is not a service (HTTP 400): choose another name',
  unauthorized: 'the OAuth client is unknown or its secret is wrong (HTTP 401): renew the credentials',
  forbidden: 'the OAuth client lacks a scope or a tag (HTTP 403): extend it',
  'not-found': 'there is no such object (HTTP 404)',
  'rate-limited': 'the tailnet asked for fewer calls (HTTP 429): all calls wait until then',
  unavailable: 'the API failed (HTTP 5xx) or could not be reached',
  timeout: 'no answer within the deadline',
  aborted: 'the caller gave up',
  malformed: 'the answer was not what the API documents',
} as const;

export type TailnetErrorCode = keyof typeof TAILNET_ERRORS;

const RETRYABLE: readonly TailnetErrorCode[] = ['rate-limited', 'unavailable', 'timeout'];

/** A failed call. Its message never holds a credential. */
export class TailnetError extends Error {
  override readonly name = 'TailnetError';
  readonly code: TailnetErrorCode;
  /** Of the HTTP answer; 0 where there was none. */
  readonly status: number;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** How long to wait before, in ms, where the API said so. */
  readonly retryAfterMs: number | undefined;
  /** The API surely did not act on the call: a write may be repeated without reading again. */
  readonly refused: boolean;

  constructor(
    code: TailnetErrorCode,
    message: string,
    details: { status?: number; retryAfterMs?: number; refused?: boolean } = {},
  ) {
    super(message);
    this.code = code;
    this.status = details.status ?? 0;
    this.retryable = RETRYABLE.includes(code);
    this.retryAfterMs = details.retryAfterMs;
    this.refused = details.refused ?? false;
  }
}
