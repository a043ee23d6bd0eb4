import { afterEach, expect, it } from '@jest/globals';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Registry } from 'prom-client';
import { createRpcServer } from './rpc-server.ts';
import { silent } from './testing/silent-log.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function session(receiveWindowBytes?: number): Promise<ClientHttp2Session> {
  const server = createRpcServer({ log: silent, metrics: new Registry(), receiveWindowBytes });
  const port = await server.listen('127.0.0.1:0');
  const client = connect(`http://127.0.0.1:${port}`);
  closers.push(
    () => server.close(),
    () => client.close(),
  );
  return client;
}

const answered = (client: ClientHttp2Session): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = client.request({ ':method': 'POST', ':path': '/x/y', 'content-type': 'application/grpc' });
    request.on('error', reject).on('end', resolve).resume().end();
  });

const KiB = 1024;

it('widens the windows of one server, and not those of another', async () => {
  const [wide, narrow] = [await session(256 * KiB), await session()];
  const widened = new Promise<number | undefined>((resolve) => {
    wide.on('remoteSettings', ({ initialWindowSize }) => {
      if (initialWindowSize !== 65_535) resolve(initialWindowSize);
    });
  });
  await Promise.all([answered(wide), answered(narrow)]);
  expect(await widened).toBe(256 * KiB);
  await answered(wide);
  expect(wide.state.remoteWindowSize).toBeGreaterThan(128 * KiB);
  await answered(narrow);
  expect([narrow.remoteSettings.initialWindowSize, narrow.state.remoteWindowSize]).toEqual([65_535, 65_535]);
});
