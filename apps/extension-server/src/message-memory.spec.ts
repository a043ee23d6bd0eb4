import { describe, expect, it } from '@jest/globals';
import { memoryShortage } from './message-memory.ts';

const GiB = 2 ** 30;

describe('memoryShortage', () => {
  it.each([
    ['fits', 100_000_000, { constrained: GiB, total: 8 * GiB }, undefined],
    ['exceeds the container', 1_000_000_000, { constrained: GiB, total: 8 * GiB }, GiB],
    ['exceeds the machine: no cgroup', 1_000_000_000, { constrained: 0, total: 2 * GiB }, 2 * GiB],
    ['exceeds the machine: cgroup v1 without a limit', 1e9, { constrained: 2 ** 63, total: 2 * GiB }, 2 * GiB],
  ])('%s', (_case, maxMessageBytes, memory, limitBytes) => {
    expect(memoryShortage(maxMessageBytes, memory)?.limitBytes).toBe(limitBytes);
  });
});
