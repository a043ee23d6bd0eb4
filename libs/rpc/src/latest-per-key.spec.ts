import { credentials } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import type { Logger } from '@tsgateway/process';
import { HealthServiceClient, HealthServiceService, HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import fc from 'fast-check';
import { Registry } from 'prom-client';

import { clientOptions, createRpcServer, LatestPerKey } from './index.ts';

type Changes = ReadonlyMap<string, number>;

/** A reader that takes a message only when it is told to. */
class SlowReader {
  readonly received: Changes[] = [];
  #waiting: { message: Changes; written: (error?: Error | null) => void } | undefined;

  write(message: Changes, written: (error?: Error | null) => void): void {
    if (this.#waiting) throw new Error('a second message was written before the first one left');
    this.#waiting = { message, written };
  }

  take(error?: Error): boolean {
    const waiting = this.#waiting;
    if (!waiting) return false;
    this.#waiting = undefined;
    this.received.push(waiting.message);
    waiting.written(error ?? null);
    return true;
  }
}

const turn = (): Promise<void> => new Promise(setImmediate);

async function drain(reader: SlowReader): Promise<void> {
  do await turn();
  while (reader.take());
}

const writerTo = (reader: SlowReader): LatestPerKey<number, Changes> =>
  new LatestPerKey({ stream: reader, toMessage: (changes) => changes });

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.nat() }) },
  { weight: 2, arbitrary: fc.constant('take' as const) },
  { weight: 2, arbitrary: fc.constant('turn' as const) },
);

describe('LatestPerKey', () => {
  it('brings every reader to the newest value of each key, in order, and never holds more than the keys', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const reader = new SlowReader();
        const writer = writerTo(reader);
        const written = new Map<string, number[]>();
        for (const s of steps) {
          if (s === 'take') reader.take();
          else if (s === 'turn') await turn();
          else {
            writer.set(s.key, s.value);
            written.set(s.key, [...(written.get(s.key) ?? []), s.value]);
          }
          expect(writer.pending).toBeLessThanOrEqual(written.size);
        }
        await drain(reader);
        const seen = new Map<string, number[]>();
        for (const changes of reader.received) {
          expect(changes.size).toBeGreaterThan(0);
          for (const [key, value] of changes) seen.set(key, [...(seen.get(key) ?? []), value]);
        }
        expect([...seen.keys()].sort()).toEqual([...written.keys()].sort());
        for (const [key, values] of seen) {
          const all = written.get(key) ?? [];
          expect(values.at(-1)).toBe(all.at(-1));
          expect(isSubsequence(values, all)).toBe(true);
        }
        expect(writer.pending).toBe(0);
      }),
    );
  });

  it('puts what changes in one turn into one message, and waits for a message sent on its own', async () => {
    const reader = new SlowReader();
    const writer = writerTo(reader);
    writer.send(new Map([['snapshot', 0]]));
    writer.set('a', 1);
    writer.set('b', 1);
    await turn();
    writer.set('a', 2);
    await drain(reader);
    expect(reader.received.map((m) => Object.fromEntries(m))).toEqual([{ snapshot: 0 }, { a: 2, b: 1 }]);
  });

  it('writes nothing more once the stream has failed', async () => {
    const reader = new SlowReader();
    const writer = writerTo(reader);
    writer.set('a', 1);
    await turn();
    reader.take(new Error('gone'));
    writer.set('a', 2);
    await drain(reader);
    expect(reader.received).toHaveLength(1);
  });

  it('skips what a client that does not read has missed', async () => {
    const silent: Logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
      child: () => silent,
    };
    const server = createRpcServer({ log: silent, metrics: new Registry() });
    let writer: LatestPerKey<number, HealthUpdate> | undefined;
    let messages = 0;
    server.add(HealthServiceService, {
      watchHealth: (call: { write: (m: HealthUpdate, cb: () => void) => boolean }) => {
        writer = new LatestPerKey<number, HealthUpdate>({
          stream: call,
          toMessage: (changes) => {
            messages++;
            const epoch = BigInt(changes.get('key') ?? 0);
            return HealthUpdate.fromPartial({ epoch, removed: ['x'.repeat(50_000)] });
          },
        });
        writer.set('key', 0);
      },
    });
    const port = await server.listen('127.0.0.1:0');
    const client = new HealthServiceClient(`127.0.0.1:${port}`, credentials.createInsecure(), clientOptions());
    const stream = client.watchHealth({ client: 'slow' });
    stream.on('error', () => undefined);
    try {
      await new Promise((resolve) => stream.once('data', resolve));
      stream.pause();
      const last = 2_000;
      for (let i = 1; i <= last; i++) {
        writer?.set('key', i);
        await turn();
      }
      const newest = new Promise<void>((resolve) => {
        stream.on('data', (update: HealthUpdate) => {
          if (update.epoch === BigInt(last)) resolve();
        });
      });
      stream.resume();
      await newest;
      expect(messages).toBeLessThan(last / 4);
    } finally {
      stream.cancel();
      client.close();
      await server.close();
    }
  });
});

function isSubsequence(part: readonly number[], whole: readonly number[]): boolean {
  let i = 0;
  for (const value of whole) if (value === part[i]) i++;
  return i === part.length;
}
