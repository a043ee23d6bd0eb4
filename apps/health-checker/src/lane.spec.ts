import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Lane } from './lane.ts';

const turn = () => new Promise(setImmediate);

describe('Lane', () => {
  it('law: runs every task, in order of arrival, never more than its width at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(3), { maxLength: 30 }), async (width, tasks) => {
        const lane = new Lane({ width });
        const started: number[] = [];
        let running = 0;
        let most = 0;
        await Promise.all(
          tasks.map((turns, i) =>
            lane.run(async () => {
              started.push(i);
              most = Math.max(most, ++running);
              for (let n = 0; n < turns; n++) await turn();
              running--;
            }),
          ),
        );
        expect(started).toEqual(tasks.map((_, i) => i));
        expect(most).toBeLessThanOrEqual(width);
      }),
    );
  });

  it('passes on what a task returns and throws, and goes on', async () => {
    const lane = new Lane({ width: 1 });
    await expect(lane.run(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await lane.run(() => Promise.resolve(1))).toBe(1);
  });

  it('does not wait longer than its patience for tasks that hang; one that ends late frees no second place', async () => {
    const lane = new Lane({ width: 1, patienceMs: 5 });
    let wake: () => void = () => undefined;
    const hung = lane.run(() => new Promise<void>((resolve) => (wake = resolve)));
    let finish: () => void = () => undefined;
    await new Promise<void>((started) => {
      void lane.run(() => {
        started();
        return new Promise<void>((resolve) => (finish = resolve));
      });
    });
    wake();
    await hung;
    finish();
    const order: string[] = [];
    await Promise.all(['a', 'b'].map((name) => lane.run(() => Promise.resolve(order.push(name)))));
    expect(order).toEqual(['a', 'b']);
  });
});
