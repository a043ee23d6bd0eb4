import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { defaultRateLimiter } from './rate-limiter.ts';
import { ManualClock, settle } from './testing/manual-clock.ts';
import { WorkQueue } from './work-queue.ts';

const queueWithClock = () => {
  const clock = new ManualClock();
  return { clock, queue: new WorkQueue({ clock }) };
};

describe('WorkQueue', () => {
  it('holds a key once, first in, first out', async () => {
    const { queue } = queueWithClock();
    for (const key of ['a', 'b', 'a']) queue.add(key);
    expect(queue.length).toBe(2);
    expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
  });

  it('gives a key that is being worked on to nobody else, and again afterwards', async () => {
    const { queue } = queueWithClock();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    let second: string | undefined;
    void queue.take().then((key) => (second = key));
    await settle();
    expect(second).toBeUndefined();
    queue.done('a');
    await settle();
    expect(second).toBe('a');
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  it('never has a key with two workers, and loses no addition (any interleaving)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('add', 'take', 'done'), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 }),
        async (steps) => {
          const { queue } = queueWithClock();
          const working = new Set<string>();
          const owed = new Set<string>();
          for (const [step, key] of steps) {
            if (step === 'add') {
              queue.add(key);
              owed.add(key);
            } else if (step === 'take' && queue.length > 0) {
              const taken = await queue.take();
              if (taken === undefined || working.has(taken)) return false;
              working.add(taken);
              owed.delete(taken);
            } else if (step === 'done' && working.delete(key)) {
              queue.done(key);
            }
          }
          for (const key of [...working]) queue.done(key);
          while (queue.length > 0) owed.delete((await queue.take()) ?? '');
          return owed.size === 0;
        },
      ),
    );
  });

  it('adds later, at the earliest appointment', async () => {
    const { clock, queue } = queueWithClock();
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 200);
    await clock.advance(49);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    await queue.take();
    queue.done('a');
    await clock.advance(1000);
    expect(queue.length).toBe(0);
  });

  it('backs off per key as client-go: 5 ms, doubled, at most 1,000 s', async () => {
    const { clock, queue } = queueWithClock();
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(queue.length).toBe(1);
    const limiter = defaultRateLimiter();
    expect(Array.from({ length: 20 }, () => limiter.delayMs('k', 0))).toEqual([
      ...Array.from({ length: 18 }, (_, i) => 5 * 2 ** i),
      1_000_000,
      1_000_000,
    ]);
    limiter.forget('k');
    expect(limiter.delayMs('k', 0)).toBe(5);
  });

  it('slows all keys together beyond 100 at once to ten a second', () => {
    const limiter = defaultRateLimiter();
    const delays = Array.from({ length: 110 }, (_, i) => limiter.delayMs(`k${i}`, 0));
    expect(delays[99]).toBe(5);
    expect(delays[109]).toBeCloseTo(1000);
  });

  it('drains: what waits and what is worked on is finished, nothing new begins', async () => {
    const { clock, queue } = queueWithClock();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await queue.take();
    let drained = false;
    void queue.shutDown().then(() => (drained = true));
    queue.add('d');
    await clock.advance(20);
    expect(await queue.take()).toBe('b');
    queue.done('a');
    await settle();
    expect(drained).toBe(false);
    queue.done('b');
    await settle();
    expect(drained).toBe(true);
    expect(await queue.take()).toBeUndefined();
  });

  it('reports what happened', async () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const queue = new WorkQueue({
      clock,
      metrics: {
        added: () => told.push('added'),
        depth: () => undefined,
        waited: (s) => told.push(`waited ${s}`),
        worked: (s) => told.push(`worked ${s}`),
        retried: () => told.push('retried'),
      },
    });
    queue.add('a');
    await clock.advance(500);
    await queue.take();
    await clock.advance(2000);
    expect(queue.unfinished()).toEqual({ totalSeconds: 2, longestSeconds: 2 });
    queue.addRateLimited('a');
    queue.done('a');
    expect(told).toEqual(['added', 'waited 0.5', 'retried', 'worked 2']);
  });
});
