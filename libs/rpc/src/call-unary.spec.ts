import { status } from '@grpc/grpc-js';
import type { CallOptions, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';

import { callUnary } from './index.ts';
import type { InvokeUnary } from './index.ts';

const failure = (code: status): ServiceError =>
  Object.assign(new Error(status[code]), { code, details: '' }) as ServiceError;

/** A call that answers with each of these in turn: a status, a text, or nothing until it is cancelled. */
function script(...answers: (status | string | 'hang')[]): InvokeUnary<string> & { options: CallOptions[] } {
  const options: CallOptions[] = [];
  const invoke: InvokeUnary<string> = (done, o) => {
    options.push(o);
    const answer = answers[options.length - 1] ?? 'too many calls';
    if (answer !== 'hang')
      queueMicrotask(() => (typeof answer === 'string' ? done(null, answer) : done(failure(answer))));
    return { cancel: () => done(failure(status.CANCELLED)) } as ClientUnaryCall;
  };
  return Object.assign(invoke, { options });
}

describe('callUnary', () => {
  it('repeats what was UNAVAILABLE, within one deadline', async () => {
    const call = script(status.UNAVAILABLE, status.UNAVAILABLE, 'yes');
    expect(await callUnary(call, { deadlineMs: 5_000 })).toBe('yes');
    expect(call.options).toHaveLength(3);
    expect(new Set(call.options.map((o) => o.deadline)).size).toBe(1);
  });

  it('gives up after its retries, and repeats no other error', async () => {
    const away = script(...Array<status>(9).fill(status.UNAVAILABLE));
    await expect(callUnary(away, { deadlineMs: 60_000, retries: 2 })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    expect(away.options).toHaveLength(3);
    const bad = script(status.INVALID_ARGUMENT);
    await expect(callUnary(bad, { deadlineMs: 5_000 })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(bad.options).toHaveLength(1);
  });

  it('does not wait beyond the deadline to try again', async () => {
    const call = script(status.UNAVAILABLE, 'late');
    await expect(callUnary(call, { deadlineMs: 10 })).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(call.options).toHaveLength(1);
  });

  it('cancels a running call when the signal aborts, and starts none after', async () => {
    const abort = new AbortController();
    const call = script('hang');
    const result = callUnary(call, { deadlineMs: 5_000, signal: abort.signal });
    abort.abort(new Error('stopping'));
    await expect(result).rejects.toThrow('stopping');
    await expect(callUnary(call, { deadlineMs: 5_000, signal: abort.signal })).rejects.toThrow('stopping');
    expect(call.options).toHaveLength(1);
  });

  it('stops waiting between attempts when the signal aborts', async () => {
    const abort = new AbortController();
    const call = script(status.UNAVAILABLE, 'yes');
    const result = callUnary(call, { deadlineMs: 60_000, signal: abort.signal });
    setImmediate(() => abort.abort(new Error('stopping')));
    await expect(result).rejects.toThrow('stopping');
    expect(call.options).toHaveLength(1);
  });
});
