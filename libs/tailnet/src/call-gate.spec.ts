import { describe, expect, it } from '@jest/globals';
import { CallGate, parseRetryAfter } from './call-gate.ts';
import type { Clock } from './clock.ts';

/** A clock that jumps to wherever someone sleeps to. */
function jumpingClock(): Clock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    sleep: (ms: number) => {
      clock.at += ms;
      return Promise.resolve();
    },
  };
  return clock;
}

describe('CallGate', () => {
  it('lets a burst pass at once and then one call per interval', async () => {
    const clock = jumpingClock();
    const gate = new CallGate({ rate: 10, burst: 3, clock });
    const times: number[] = [];
    for (let call = 0; call < 6; call++) {
      await gate.pass(10_000);
      times.push(clock.at);
    }
    expect(times).toEqual([0, 0, 0, 100, 200, 300]);
  });

  it('holds every call back while the tailnet is paused, and lets nobody rush in after', async () => {
    const clock = jumpingClock();
    const gate = new CallGate({ rate: 10, burst: 3, clock });
    gate.pause(5000);
    const times: number[] = [];
    for (let call = 0; call < 3; call++) {
      await gate.pass(60_000);
      times.push(clock.at);
    }
    expect(times).toEqual([5000, 5100, 5200]);
  });

  it('refuses at once where the turn would come after the deadline, and keeps the turn for others', async () => {
    const clock = jumpingClock();
    const gate = new CallGate({ rate: 10, burst: 1, clock });
    gate.pause(5000);

    await expect(gate.pass(1000)).rejects.toMatchObject({ code: 'rate-limited', refused: true, retryAfterMs: 5000 });
    await gate.pass(60_000);
    expect(clock.at).toBe(5000);
  });

  it('reads Retry-After as seconds or as a date', () => {
    expect(parseRetryAfter('3', 0)).toBe(3000);
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6000);
    expect(parseRetryAfter('soon', 0)).toBeUndefined();
    expect(parseRetryAfter(undefined, 0)).toBeUndefined();
  });
});
