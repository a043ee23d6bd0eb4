import { describe, expect, it } from '@jest/globals';
import type { Clock } from '@tsgateway/tailnet';
import { Verifier } from './verifier.ts';

/** Time that stands until it is moved; who sleeps wakes in order. */
class ManualClock implements Clock {
  private at = 0;
  private sleepers: { at: number; wake: () => void }[] = [];

  now = (): number => this.at;

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((wake, reject) => {
      if (signal?.aborted) return reject(new Error('aborted'));
      this.sleepers.push({ at: this.at + ms, wake });
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });

  async advance(ms: number): Promise<void> {
    const end = this.at + ms;
    for (;;) {
      const next = this.sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.sleepers = this.sleepers.filter((sleeper) => sleeper !== next);
      this.at = next.at;
      next.wake();
      await new Promise(setImmediate);
    }
    this.at = end;
  }
}

function start() {
  const clock = new ManualClock();
  const looks: string[] = [];
  const errors: string[] = [];
  const verifier = new Verifier({
    clock,
    random: () => 0.5,
    delaysMs: [2000, 18_000],
    periodMs: [300_000, 600_000],
    forgetMs: 1_800_000,
    timeoutMs: 1000,
    onError: (key) => errors.push(key),
  });
  const item = (key: string, lasting = true, say = key) => ({
    key,
    lasting,
    verify: () => {
      looks.push(`${say}@${clock.now() / 1000}`);
      return say === 'bad' ? Promise.reject(new Error('no')) : Promise.resolve();
    },
  });
  return { clock, looks, errors, verifier, item };
}

describe('Verifier', () => {
  it('looks after 2 s, 20 s, then every few minutes, until nobody asks any more', async () => {
    const { clock, looks, verifier, item } = start();
    verifier.watch(item('a'));
    await clock.advance(1_000_000);
    expect(looks).toEqual(['a@2', 'a@20', 'a@470', 'a@920']);

    verifier.renew(item('a', true, 'renewed'));
    await clock.advance(400_000);
    expect(looks.at(-1)).toBe('renewed@1370');
    await clock.advance(10_000_000);
    expect(verifier.size).toBe(0);
  });

  it('looks only soon after what does not last, and starts again when it changed', async () => {
    const { clock, looks, verifier, item } = start();
    verifier.watch(item('a', false));
    await clock.advance(5000);
    verifier.watch(item('a', false));
    await clock.advance(1_000_000);
    expect(looks).toEqual(['a@2', 'a@7', 'a@25']);
    expect(verifier.size).toBe(0);
  });

  it('goes on after a failure, and stops at once when dropped', async () => {
    const { clock, looks, errors, verifier, item } = start();
    verifier.watch(item('bad'));
    await clock.advance(20_000);
    expect(errors).toEqual(['bad', 'bad']);
    verifier.drop('bad');
    verifier.watch(item('b'));
    verifier.clear();
    await clock.advance(10_000_000);
    expect(looks).toHaveLength(2);
    expect(verifier.size).toBe(0);
  });
});
