import { credentials } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { expect, it } from '@jest/globals';
import {
  HealthServiceClient,
  HealthServiceService,
  HealthUpdate,
  type WatchHealthRequest,
} from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { Registry } from 'prom-client';

import { clientOptions, connectionDefaults, createRpcServer, watchStream } from './index.ts';
import { silent } from './testing/silent-log.ts';

it('moves the streams of an old connection to a new one; their readers notice nothing but the first message', async () => {
  const connections = { ...connectionDefaults, maxAgeMs: 200 };
  const server = createRpcServer({ log: silent, metrics: new Registry(), connections });
  const peers: string[] = [];
  let open = 0;
  server.add(HealthServiceService, {
    watchHealth: (call: ServerWritableStream<WatchHealthRequest, HealthUpdate>) => {
      peers.push(call.getPeer());
      open++;
      call.once('cancelled', () => open--);
      call.write(HealthUpdate.fromPartial({ snapshot: true }));
    },
  });
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  const client = new HealthServiceClient(address, credentials.createInsecure(), clientOptions());
  const ending = new AbortController();
  const states: boolean[] = [];
  for (let i = 0; i < 3; i++) {
    watchStream<HealthUpdate>({
      name: 'test',
      open: () => client.watchHealth({ client: 'test' }),
      onMessage: () => undefined,
      onState: (connected) => states.push(connected),
      log: silent,
      signal: ending.signal,
    });
  }
  const deadline = Date.now() + 5_000;
  while (peers.length < 9 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(peers.length).toBeGreaterThanOrEqual(9);
  expect(new Set(peers).size).toBeGreaterThanOrEqual(3);
  expect(states).toEqual([true, true, true]);
  expect(open).toBeLessThanOrEqual(3);
  ending.abort();
  client.close();
  await server.close();
});
