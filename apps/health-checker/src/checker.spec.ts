import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { createSocket } from 'node:dgram';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ProbeTarget } from '@tsgateway/model';
import { generate } from 'selfsigned';
import { Checker } from './checker.ts';
import { proberFor } from './probe/prober-for.ts';
import type { Prober } from './probe/prober.ts';
import type { ProbeFailure, TargetState } from './threshold.ts';

const target = (more: Partial<ProbeTarget>): ProbeTarget => ({
  id: 't',
  protocol: 'HTTP',
  host: '127.0.0.1',
  port: 1,
  path: '/health',
  intervalMs: 20,
  timeoutMs: 500,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
  services: ['default/web'],
  historyMs: 1000,
  ...more,
});
const closers: (() => unknown)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A checker whose next change can be awaited. */
function start(targets: ProbeTarget[], make?: (t: ProbeTarget) => Prober) {
  const changes: { id: string; state: TargetState; results: number }[] = [];
  let wake: () => void = () => undefined;
  const results = new Map<string, number>();
  const checker = new Checker({
    onChange: (t, state) => {
      changes.push({ id: t.id, state, results: results.get(t.id) ?? 0 });
      wake();
    },
    onRemoved: () => undefined,
    onResult: (t) => {
      results.set(t.id, (results.get(t.id) ?? 0) + 1);
      wake();
    },
    ...(make ? { proberFor: make } : {}),
    // All begin at once.
    random: () => 0,
  });
  closers.push(() => checker.close());
  checker.set(new Map(targets.map((t) => [t.id, t])));
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { checker, changes, results, until };
}

describe('Checker', () => {
  it('reports a server that dies at its unhealthyThreshold-th failed probe, and its return', async () => {
    const server = createServer((_, response) => response.end('ok'));
    const port = await listen(server);
    const t = target({ port, intervalMs: 100 });
    const { changes, results, until } = start([t]);
    await until(() => changes.length === 1);
    expect(changes[0]?.state).toMatchObject({ healthy: true, transitions: [] });

    const before = results.get(t.id) ?? 0;
    server.close();
    server.closeAllConnections();
    await until(() => changes.length === 2);
    expect(changes[1]?.state.healthy).toBe(false);
    expect(changes[1]?.state.recentFailures.map((f) => f.errorType)).toEqual([
      'ConnectionRefused',
      'ConnectionRefused',
    ]);
    expect(changes[1]?.results).toBe(before + 2);

    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await until(() => changes.length === 3);
    expect(changes[2]?.state.transitions.map((x) => x.healthy)).toEqual([false, true]);
  });

  it('goes on with the others while many targets hang', async () => {
    const hanging: Prober = {
      probe: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(timeout))),
      close: () => Promise.resolve(),
    };
    const timeout: ProbeFailure = { errorType: 'Timeout', message: 'no answer' };
    const quick: Prober = { probe: () => Promise.resolve(undefined), close: () => Promise.resolve() };
    const hung = Array.from({ length: 2500 }, (_, i) =>
      target({ id: `hung${i}`, timeoutMs: 60_000, intervalMs: 60_000 }),
    );
    const { results, until } = start([...hung, target({ id: 'quick' })], (t) => (t.id === 'quick' ? quick : hanging));
    await until(() => (results.get('quick') ?? 0) >= 5);
    expect([...results.keys()]).toEqual(['quick']);
  });

  it('forgets a target that is not wanted any more', async () => {
    const quick: Prober = { probe: () => Promise.resolve(undefined), close: () => Promise.resolve() };
    const { checker, changes, until } = start([target({})], () => quick);
    await until(() => changes.length === 1);
    checker.set(new Map());
    expect([...checker.states()]).toEqual([]);
  });
});

describe('probes', () => {
  const probe = (t: ProbeTarget, timeoutMs = 1000) => proberFor(t).probe(AbortSignal.timeout(timeoutMs));

  it.each([
    [200, undefined],
    [302, undefined],
    [404, { errorType: 'HTTPError', statusCode: 404 }],
    [503, { errorType: 'HTTPError', statusCode: 503 }],
  ])('HTTP: an answer of %i', async (status, failure) => {
    const port = await listen(createServer((_, response) => response.writeHead(status).end()));
    const seen = await probe(target({ port }));
    expect(seen).toEqual(failure === undefined ? undefined : expect.objectContaining(failure));
  });

  it('HTTP: asks for the path, with the hostname as Host', async () => {
    const seen: unknown[] = [];
    const port = await listen(
      createServer((request, response) => {
        seen.push([request.url, request.headers.host]);
        response.end();
      }),
    );
    await probe(target({ port, path: '/live', hostname: 'web.example' }));
    expect(seen).toEqual([['/live', 'web.example']]);
  });

  it('HTTP: no answer in time is a Timeout', async () => {
    const port = await listen(createServer(() => undefined));
    expect(await probe(target({ port, timeoutMs: 50 }), 50)).toMatchObject({ errorType: 'Timeout' });
  });

  it('TCP: open is a success, closed is ConnectionRefused', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    expect(await probe(target({ port, protocol: 'TCP' }))).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
    expect(await probe(target({ port, protocol: 'TCP' }))).toMatchObject({ errorType: 'ConnectionRefused' });
  });

  it('UDP: a refusal fails, silence and an answer do not', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    const t = target({ port, protocol: 'UDP' });
    expect(await probe(t, 30)).toBeUndefined();
    socket.on('message', (_, from) => socket.send('here', from.port, from.address));
    expect(await probe(t, 60_000)).toBeUndefined();
    await new Promise<void>((resolve) => socket.close(resolve));
    expect(await probe(t)).toMatchObject({ errorType: 'ConnectionRefused' });
  });

  it.each(['HTTP', 'HTTPS', 'TCP', 'UDP'] as const)(
    '%s: a name that does not exist is DNSResolution',
    async (protocol) => {
      const seen = await probe(target({ host: 'no-such-host.invalid', protocol }), 5000);
      expect(seen).toMatchObject({ errorType: 'DNSResolution' });
    },
  );

  it.each(['HTTP', 'HTTPS', 'TCP', 'UDP'] as const)('%s: ends although its deadline is past', async (protocol) => {
    await proberFor(target({ protocol })).probe(AbortSignal.abort());
  });

  it('HTTPS: a certificate of nobody is a TLSError; SNI is the hostname', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'web.example' }]);
    const asked: unknown[] = [];
    const server = createTlsServer({
      key,
      cert,
      SNICallback: (name, done) => {
        asked.push(name);
        done(null);
      },
    });
    const port = await listen(server);
    server.on('tlsClientError', () => undefined);
    const seen = await probe(target({ port, protocol: 'HTTPS', hostname: 'web.example' }), 5000);
    expect(seen).toMatchObject({ errorType: 'TLSError' });
    expect(asked).toEqual(['web.example']);
  });
});
