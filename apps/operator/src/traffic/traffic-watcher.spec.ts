import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, expect, it } from '@jest/globals';
import type { Logger } from '@tsgateway/process';
import { TrafficReport, TrafficServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/traffic';
import { generate } from 'selfsigned';
import { fixedPeers } from '../peers/peers.ts';
import { watchTraffic } from './traffic-watcher.ts';

const service = 'extension-server.example.svc';
const stop = new AbortController();
const server = new Server();
afterEach(() => {
  stop.abort();
  server.forceShutdown();
});

it('knows a Pod, dialled by its address, by a certificate for its Service, and by no other', async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: service }], { keyType: 'ec' });
  server.addService(TrafficServiceService, {
    watchTraffic: (call: { write: (report: TrafficReport) => void }) => {
      call.write(TrafficReport.fromPartial({ bootId: 'boot' }));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    const tls = ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }]);
    server.bindAsync('127.0.0.1:0', tls, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  /** What comes first: a report, or the reason why the stream was lost. */
  const first = (name: string) =>
    new Promise<string>((resolve) => {
      const lost = (fields: object) => {
        if ('problem' in fields) resolve(String(fields.problem));
      };
      const log: Logger = { debug: lost, info: lost, warn: lost, error: lost, child: () => log };
      watchTraffic({
        peers: fixedPeers([`127.0.0.1:${port}`]),
        client: 'spec',
        tls: { ca: Buffer.from(cert), name },
        onReport: ({ bootId }) => resolve(bootId),
        log,
        signal: stop.signal,
      });
    });
  expect(await first(service)).toBe('boot');
  expect(await first('another.example.svc')).toMatch(/altnames|UNAVAILABLE/);
});
