import { describe, expect, it } from '@jest/globals';
import { KeyedQueue } from './keyed-queue.ts';

const never = new AbortController().signal;

describe('KeyedQueue', () => {
  it('runs one task per key at a time, in order, and other keys beside', async () => {
    const queue = new KeyedQueue(10);
    const order: string[] = [];
    const gate = Promise.withResolvers<undefined>();
    const first = queue.run('a', never, async () => {
      await gate.promise;
      order.push('a1');
    });
    const second = queue.run('a', never, async () => void order.push('a2'));
    await queue.run('b', never, async () => void order.push('b1'));
    expect(order).toEqual(['b1']);

    gate.resolve(undefined);
    await Promise.all([first, second, queue.idle()]);
    expect(order).toEqual(['b1', 'a1', 'a2']);
  });

  it('goes on after a failure, skips who gave up, and refuses above its bound', async () => {
    const queue = new KeyedQueue(2);
    const gate = Promise.withResolvers<undefined>();
    const failing = queue.run('a', never, async () => {
      await gate.promise;
      throw new Error('boom');
    });
    const gone = new AbortController();
    let ran = false;
    const waiting = queue.run('a', gone.signal, async () => void (ran = true));
    await expect(queue.run('b', never, async () => undefined)).rejects.toMatchObject({ code: 'overloaded' });

    gone.abort();
    gate.resolve(undefined);
    await expect(failing).rejects.toThrow('boom');
    await expect(waiting).rejects.toMatchObject({ code: 'deadline-exceeded' });
    expect(ran).toBe(false);
    await expect(queue.run('a', never, async () => 'next')).resolves.toBe('next');
  });
});
