import { Agent, request } from 'undici';
import type { AccessToken } from './access-token.ts';
import { parseRetryAfter, type CallGate } from './call-gate.ts';
import type { Clock } from './clock.ts';
import { TailnetError, type TailnetErrorCode } from './tailnet-error.ts';
import { errorWire } from './wire.ts';

/** One HTTP exchange, told to the metrics hook. `operation` is a fixed name, never a path. */
export interface CallEvent {
  operation: string;
  /** HTTP status; 0 where there was no answer. */
  status: number;
  /** "ok", or the code of the error. */
  outcome: 'ok' | TailnetErrorCode;
  durationMs: number;
}

export interface Exchange {
  operation: string;
  method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  path: string;
  body?: { type: 'json' | 'form'; text: string };
  token?: AccessToken;
  /** ms since 1970, for all attempts together. */
  deadline: number;
  signal?: AbortSignal | undefined;
}

export interface HttpCallerOptions {
  url: string;
  gate: CallGate;
  clock: Clock;
  /** Of one attempt, in ms. */
  attemptTimeoutMs: number;
  /** Texts that must never leave this process: masked in error messages. */
  secrets: () => string[];
  onCall: (event: CallEvent) => void;
}

/** An answer above this is refused: some 20,000 devices fit. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** A 429 without Retry-After holds the tailnet for this long. */
const DEFAULT_PAUSE_MS = 2000;

/** Does single HTTP exchanges with the control API, and says what went wrong in `TailnetError`s. No retries. */
export class HttpCaller {
  private readonly options: HttpCallerOptions;
  // Keep-alive with few connections: the API's limits come long before these are busy.
  private readonly agent = new Agent({ connections: 8, connect: { timeout: 5000 }, pipelining: 1 });

  constructor(options: HttpCallerOptions) {
    this.options = options;
  }

  /** The parsed JSON of a 2xx answer; undefined where it was empty. */
  async exchange(call: Exchange): Promise<unknown> {
    const { clock, gate, attemptTimeoutMs, onCall } = this.options;
    await gate.pass(call.deadline, call.signal).catch((error: unknown) => {
      throw error instanceof TailnetError
        ? error
        : new TailnetError('aborted', `${call.operation}: the caller gave up`);
    });
    const started = clock.now();
    if (started >= call.deadline) {
      throw new TailnetError('timeout', `${call.operation}: no time left before the deadline`, { refused: true });
    }
    const timeout = AbortSignal.timeout(Math.max(1, Math.min(attemptTimeoutMs, call.deadline - started)));
    let status = 0;
    try {
      const answer = await this.send(call, call.signal ? AbortSignal.any([call.signal, timeout]) : timeout);
      status = answer.status;
      if (status === 429) gate.pause(answer.retryAfterMs ?? DEFAULT_PAUSE_MS);
      if (status < 200 || status > 299) throw this.refusal(call.operation, answer);
      const json = parse(call.operation, answer.text);
      onCall({ operation: call.operation, status, outcome: 'ok', durationMs: clock.now() - started });
      return json;
    } catch (error) {
      const failure = error instanceof TailnetError ? error : this.failure(call, error, timeout.aborted);
      onCall({ operation: call.operation, status, outcome: failure.code, durationMs: clock.now() - started });
      throw failure;
    }
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  private async send(call: Exchange, signal: AbortSignal) {
    const { statusCode, headers, body } = await request(new URL(call.path, this.options.url), {
      method: call.method,
      dispatcher: this.agent,
      signal,
      headers: {
        accept: 'application/json',
        ...(call.token ? { authorization: `Bearer ${call.token.value}` } : {}),
        ...(call.body
          ? { 'content-type': call.body.type === 'json' ? 'application/json' : 'application/x-www-form-urlencoded' }
          : {}),
      },
      ...(call.body ? { body: call.body.text } : {}),
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) {
        throw new TailnetError('malformed', `${call.operation}: the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
    const retryAfter = headers['retry-after'];
    return {
      status: statusCode,
      text: Buffer.concat(chunks).toString('utf8'),
      retryAfterMs: parseRetryAfter(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, this.options.clock.now()),
    };
  }

  private refusal(operation: string, answer: { status: number; text: string; retryAfterMs: number | undefined }) {
    const { status, retryAfterMs } = answer;
    const said = this.masked(messageOf(answer.text));
    const code = codeOf(status, said);
    return new TailnetError(code, `${operation}: HTTP ${status}${said === '' ? '' : `: ${said}`}`, {
      status,
      ...(status === 429 ? { retryAfterMs: retryAfterMs ?? DEFAULT_PAUSE_MS } : {}),
      refused: status < 500,
    });
  }

  private failure(call: Exchange, error: unknown, timedOut: boolean): TailnetError {
    if (call.signal?.aborted) return new TailnetError('aborted', `${call.operation}: the caller gave up`);
    if (timedOut) return new TailnetError('timeout', `${call.operation}: no answer within the deadline`);
    const code = errorCode(error);
    return new TailnetError('unavailable', `${call.operation}: ${new URL(this.options.url).host}: ${code}`, {
      refused: NEVER_SENT.includes(code),
    });
  }

  private masked(text: string): string {
    return this.options.secrets().reduce((out, secret) => (secret === '' ? out : out.replaceAll(secret, '***')), text);
  }
}

/** Failures before a connection was there. */
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

function codeOf(status: number, message: string): TailnetErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 429) return 'rate-limited';
  if (status >= 500) return 'unavailable';
  return /exists but is not a service/i.test(message) ? 'name-taken' : 'bad-request';
}

/** The API's own words, on one line and short. */
function messageOf(text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return '';
  }
  const parsed = errorWire.safeParse(json);
  return parsed.success ? parsed.data.message.replace(/\s+/g, ' ').slice(0, 300) : '';
}

function parse(operation: string, text: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new TailnetError('malformed', `${operation}: the answer is not JSON`);
  }
}

function errorCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'connection failed';
}
