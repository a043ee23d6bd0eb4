import { describe, expect, it } from '@jest/globals';
import { Controller, TerminalError, type Reconcile } from './controller.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { quietLog } from './testing/quiet-log.ts';
import { WorkQueue } from './work-queue.ts';

function start(reconcile: Reconcile, options: { maxConcurrentReconciles?: number; mayWork?: () => boolean } = {}) {
  const clock = new ManualClock();
  const log = quietLog();
  const queue = new WorkQueue({ clock });
  const results: string[] = [];
  const controller = new Controller({
    name: 'web',
    queue,
    reconcile,
    log,
    clock,
    timeoutMs: 60_000,
    metrics: { active: () => undefined, reconciled: (r) => results.push(r), errored: (k) => results.push(k) },
    ...options,
  });
  const end = new AbortController();
  const running = controller.run(end.signal);
  return { clock, log, queue, results, end, running };
}

describe('Controller', () => {
  it('lets no poisoned object hold up the others', async () => {
    const done: string[] = [];
    const { clock, queue, log, results } = start((key) => {
      if (key === 'bad') return Promise.reject(new Error('poison'));
      done.push(key);
      return Promise.resolve(undefined);
    });
    for (const key of ['bad', 'good', 'better']) queue.add(key);
    await clock.advance(0);
    expect(done).toEqual(['good', 'better']);
    await clock.advance(5 + 10 + 20);
    expect(results.filter((r) => r === 'error')).toHaveLength(8);
    expect(log.lines.find((l) => l.level === 'error')).toMatchObject({
      msg: 'Reconciler error: reconcile failed',
      fields: { controller: 'web', object: 'bad', err: 'poison' },
    });
  });

  it('does not repeat a terminal error', async () => {
    let calls = 0;
    const { clock, queue, results } = start(() => {
      calls += 1;
      return Promise.reject(new TerminalError('no'));
    });
    queue.add('a');
    await clock.advance(10_000);
    expect(calls).toBe(1);
    expect(results).toEqual(['error', 'terminal']);
  });

  it('comes back after the time that a reconcile asked for', async () => {
    let calls = 0;
    const { clock, queue, results } = start(() => {
      calls += 1;
      return Promise.resolve(calls === 1 ? { requeueAfterMs: 1000 } : undefined);
    });
    queue.add('a');
    await clock.advance(999);
    expect(calls).toBe(1);
    await clock.advance(1);
    expect(calls).toBe(2);
    expect(results).toEqual(['requeue_after', 'success']);
  });

  it('works on several keys at a time, and aborts one that takes too long', async () => {
    const running = new Set<string>();
    const { clock, queue, log } = start(
      (key, signal) =>
        new Promise((_, reject) => {
          running.add(key);
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        }),
      { maxConcurrentReconciles: 2 },
    );
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await clock.advance(0);
    expect([...running]).toEqual(['a', 'b']);
    await clock.advance(60_000);
    expect([...running]).toEqual(['a', 'b', 'c']);
    expect(log.lines.some((l) => JSON.stringify(l.fields).includes('60000 ms'))).toBe(true);
  });

  it('writes nothing while it may not, and ends when its queue is shut down', async () => {
    let calls = 0;
    const { clock, queue, running } = start(
      () => {
        calls += 1;
        return Promise.resolve(undefined);
      },
      { mayWork: () => false },
    );
    queue.add('a');
    await clock.advance(0);
    await queue.shutDown();
    await running;
    expect(calls).toBe(0);
  });
});
