import { Client, credentials, status } from '@grpc/grpc-js';
import type { ClientUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';

import { clientOptions, createRpcServer, oneAtATime } from './index.ts';
import { silent } from './testing/silent-log.ts';

const method = (name: string) => ({
  path: `/test.Echo/${name}`,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: (b: Buffer) => b,
  requestDeserialize: (b: Buffer) => b,
  responseSerialize: (b: Buffer) => b,
  responseDeserialize: (b: Buffer) => b,
});
const echo = { big: method('Big'), other: method('Other') };

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server whose calls are answered by the test. */
async function start(maxTurnMs = 60_000) {
  const running: { size: number; answer: () => void }[] = [];
  const handler = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
    void running.push({ size: call.request.length, answer: () => done(null, Buffer.from('ok')) });
  let largeDone = 0;
  const gate = oneAtATime({
    ...{ paths: new Set([echo.big.path]), smallBytes: 100, maxTurnMs },
    onLargeDone: () => largeDone++,
  });
  const server = createRpcServer({ log: silent, metrics: new Registry(), interceptors: [gate] });
  server.add(echo, { big: handler, other: handler });
  const port = await server.listen('127.0.0.1:0');
  closers.push(() => server.close());
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), clientOptions());
  closers.push(() => client.close());
  const call = (size: number, { path } = echo.big) => {
    let ended!: (code: status) => void;
    const code = new Promise<status>((resolve) => (ended = resolve));
    const serialize = (b: Buffer) => b;
    const started: ClientUnaryCall = client.makeUnaryRequest(path, serialize, serialize, Buffer.alloc(size), (error) =>
      ended(error ? error.code : status.OK),
    );
    return { code, cancel: () => started.cancel() };
  };
  /** Whatever was sent before, has been handled: calls of the other method wait for nobody. */
  const settled = async () => {
    const before = running.length;
    const probe = call(1, echo.other);
    await until(() => running.length > before && running.some((r) => r.size === 1));
    running
      .splice(
        running.findIndex((r) => r.size === 1),
        1,
      )[0]
      ?.answer();
    await probe.code;
  };
  return { running, call, settled, largeDone: () => largeDone };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`still not: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('oneAtATime', () => {
  it('handles large calls one after the other, and keeps nobody else waiting', async () => {
    const { running, call, settled, largeDone } = await start();
    const calls = [call(1_000), call(2_000), call(3_000)];
    await until(() => running.length === 1);
    await settled();
    expect(running.map((r) => r.size)).toEqual([1_000]);
    for (const n of [1, 2, 3]) {
      await until(() => running.length === n);
      running[n - 1]?.answer();
    }
    expect(await Promise.all(calls.map((c) => c.code))).toEqual([status.OK, status.OK, status.OK]);
    expect(running.map((r) => r.size)).toEqual([1_000, 2_000, 3_000]);
    await until(() => largeDone() === 3);
  });

  it('lets small ones run side by side', async () => {
    const { running, call, largeDone } = await start();
    const calls = [call(10), call(20)];
    await until(() => running.length === 2);
    for (const r of running) r.answer();
    expect(await Promise.all(calls.map((c) => c.code))).toEqual([status.OK, status.OK]);
    expect(largeDone()).toBe(0);
  });

  it('passes over a call whose client left while it waited, and one that left in its turn', async () => {
    const { running, call, settled } = await start();
    const first = call(1_000);
    await until(() => running.length === 1);
    const second = call(2_000);
    const third = call(3_000);
    await settled();
    second.cancel();
    expect(await second.code).toBe(status.CANCELLED);
    await settled();
    first.cancel();
    await until(() => running.length === 2);
    expect(running[1]?.size).toBe(3_000);
    running[1]?.answer();
    expect(await third.code).toBe(status.OK);
  });

  it('ends a turn that takes too long', async () => {
    const { running, call } = await start(50);
    const calls = [call(1_000), call(2_000)];
    await until(() => running.length === 2);
    for (const r of running) r.answer();
    expect(await Promise.all(calls.map((c) => c.code))).toEqual([status.OK, status.OK]);
  });
});
