import { describe, expect, it } from '@jest/globals';

import { createLogger } from './logger.ts';
import { StopSequence } from './stop-sequence.ts';

describe('StopSequence', () => {
  it('stops the newest first, one after the other, past those that fail or hang', async () => {
    const order: string[] = [];
    const lines: string[] = [];
    const log = createLogger({ name: 't', level: 'info', format: 'console', write: (line) => lines.push(line) });
    const stops = new StopSequence();
    stops.add('first', () => {
      order.push('first');
    });
    stops.add('hanging', () => new Promise(() => order.push('hanging')));
    stops.add('failing', () => {
      order.push('failing');
      throw new Error('broken');
    });
    stops.add('slow', async () => {
      await new Promise(setImmediate);
      order.push('slow');
    });
    expect(await stops.run(20, log)).toBe(false);
    expect(order).toEqual(['slow', 'failing', 'hanging', 'first']);
    expect(lines.join('')).toMatch(/step=failing[^]*broken[^]*step=hanging[^]*hanging did not stop within 20 ms/);
    expect(await stops.run(20, log)).toBe(true);
  });
});
