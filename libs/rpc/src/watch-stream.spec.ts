import { credentials, status } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  HealthServiceClient,
  HealthServiceService,
  HealthUpdate,
  type WatchHealthRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { Registry } from 'prom-client';

import { clientOptions, createRpcServer, watchStream } from './index.ts';
import type { RpcServer } from './index.ts';
import { silent } from './testing/silent-log.ts';

type Call = ServerWritableStream<WatchHealthRequest, HealthUpdate>;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(
  onCall: (call: Call) => void,
  address = '127.0.0.1:0',
): Promise<{ server: RpcServer; address: string }> {
  const server = createRpcServer({ log: silent, metrics: new Registry() });
  server.add(HealthServiceService, { watchHealth: onCall });
  const port = await server.listen(address);
  closers.push(() => server.close());
  return { server, address: `127.0.0.1:${port}` };
}

interface Watched {
  readonly epochs: bigint[];
  readonly states: boolean[];
  readonly abort: AbortController;
}

function watch(address: string, refuse: (update: HealthUpdate) => boolean = () => false): Watched {
  const client = new HealthServiceClient(address, credentials.createInsecure(), clientOptions());
  const abort = new AbortController();
  const watched: Watched = { epochs: [], states: [], abort };
  closers.push(() => {
    abort.abort();
    client.close();
  });
  watchStream<HealthUpdate>({
    name: 'test',
    open: () => client.watchHealth({ client: 'test' }),
    onMessage: (update) => {
      if (refuse(update)) throw new Error('refused');
      watched.epochs.push(update.epoch);
    },
    onState: (connected) => watched.states.push(connected),
    log: silent,
    signal: abort.signal,
  });
  return watched;
}

const update = (epoch: number): HealthUpdate => HealthUpdate.fromPartial({ epoch: BigInt(epoch) });

describe('watchStream', () => {
  it('reopens after the server ended the stream, failed it, and was away; only a loss is told, and once', async () => {
    let calls = 0;
    const onCall = (call: Call): void => {
      call.write(update(++calls));
      if (calls === 1) call.end();
      if (calls === 2) call.emit('error', Object.assign(new Error('no'), { code: status.INTERNAL }));
    };
    const first = await serve(onCall);
    const watched = watch(first.address);
    await until(() => watched.epochs.length === 3);
    await first.server.close();
    await until(() => watched.states.at(-1) === false);
    await serve(onCall, first.address);
    await until(() => watched.epochs.length === 4);
    expect(watched.epochs).toEqual([1n, 2n, 3n, 4n]);
    expect(watched.states).toEqual([true, false, true, false, true]);
  });

  it('waits for a server that is not there yet', async () => {
    const { server, address } = await serve(() => undefined);
    await server.close();
    const watched = watch(address);
    await until(() => watched.states.length === 1);
    await serve((call) => call.write(update(7)), address);
    await until(() => watched.epochs.length === 1);
    expect(watched.states).toEqual([false, true]);
  });

  it('opens the stream anew when a message cannot be used, and takes nothing more from the old one', async () => {
    let calls = 0;
    const { address } = await serve((call) => {
      calls++;
      call.write(update(calls === 1 ? 666 : 1));
      call.write(update(2));
    });
    const watched = watch(address, (u) => u.epoch === 666n);
    await until(() => watched.epochs.length === 2);
    expect(watched.epochs).toEqual([1n, 2n]);
    expect(calls).toBe(2);
  });

  it('ends with the signal: the server sees the call cancelled, and no other comes', async () => {
    let cancelled = 0;
    let calls = 0;
    const { address } = await serve((call) => {
      calls++;
      call.write(update(1));
      call.once('cancelled', () => cancelled++);
    });
    const watched = watch(address);
    await until(() => watched.epochs.length === 1);
    watched.abort.abort();
    await until(() => cancelled === 1);
    expect(calls).toBe(1);
    expect(watched.states).toEqual([true]);
  });
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`still not: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
