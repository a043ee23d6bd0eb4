import { describe, expect, it } from '@jest/globals';
import { RecentAnswers } from './recent-answers.ts';

/** A clock that goes on by a step each time that it is read; `answers` says who answers at each reading. */
function recentWith(answers: (nowMs: number) => readonly string[], abort = new AbortController()) {
  let nowMs = 1000;
  const recent: RecentAnswers = new RecentAnswers({
    signal: abort.signal,
    now: () => {
      nowMs += 10;
      for (const backend of answers(nowMs)) recent.add(backend, nowMs);
      return nowMs;
    },
  });
  return recent;
}

const set = (...names: string[]) => new Set(names);
const what = { what: 'the switch', deadlineMs: 5000 };

describe('RecentAnswers', () => {
  it('dates a switch by the last answer of who no longer serves', async () => {
    const recent = recentWith((now) => (now <= 1200 ? ['old', 'new'] : ['new']));
    expect(await recent.untilServedBy(set('new'), what)).toBe(1200);
  });

  it('dates a return by the first answer of the last who came', async () => {
    const recent = recentWith((now) => ['a', ...(now >= 1300 ? ['b'] : []), ...(now >= 1400 ? ['c'] : [])]);
    expect(await recent.untilServedBy(set('a', 'b', 'c'), what)).toBe(1400);
    expect(recent.firstOf(set('b', 'c'))).toBe(1300);
  });

  it('is not content with a part of the set, nor with a stranger among it', async () => {
    const short = { what: 'the switch', deadlineMs: 50 };
    const part = recentWith(() => ['a']);
    await expect(part.untilServedBy(set('a', 'b'), short)).rejects.toThrow('the switch: not within 0.05 s');
    const stranger = recentWith(() => ['a', 'x']);
    await expect(stranger.untilServedBy(set('a'), short)).rejects.toThrow('not within');
  });

  it('refuses to wait for nobody, which would always hold', async () => {
    await expect(recentWith(() => []).untilServedBy(set(), what)).rejects.toThrow(RangeError);
  });

  it('ends with the signal', async () => {
    const abort = new AbortController();
    const waiting = recentWith(() => [], abort).untilServedBy(set('a'), what);
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow();
  });
});
