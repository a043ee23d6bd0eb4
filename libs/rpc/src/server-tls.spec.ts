import { mkdtemp, rename, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Logger } from '@tsgateway/process';
import { Registry } from 'prom-client';
import { generate } from 'selfsigned';

import { createRpcServer, serverTls } from './index.ts';
import type { RpcServer, ServerTls } from './index.ts';

interface Pair {
  readonly cert: string;
  readonly private: string;
}

describe('serverTls', () => {
  let first: Pair;
  let second: Pair;
  let dir: string;
  let version = 0;
  let server: RpcServer | undefined;
  let tls: ServerTls | undefined;
  let metrics: Registry;
  const logged: string[] = [];
  const note = (_: unknown, msg: string): void => void logged.push(msg);
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };

  beforeAll(async () => {
    const make = (name: string) => generate([{ name: 'commonName', value: name }], { keyType: 'ec' });
    [first, second] = await Promise.all([make('first'), make('second')]);
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tsgateway-tls-'));
    metrics = new Registry();
    logged.length = 0;
  });
  afterEach(async () => {
    tls?.close();
    await server?.close();
    [tls, server] = [undefined, undefined];
    await rm(dir, { recursive: true });
  });

  /** As the kubelet does it: a new folder, and one rename of the link to it. */
  async function mount(files: Record<string, string>): Promise<void> {
    const name = `..${++version}`;
    await mkdir(join(dir, name));
    for (const [file, content] of Object.entries(files)) await writeFile(join(dir, name, file), content);
    await symlink(name, join(dir, '..new'));
    await rename(join(dir, '..new'), join(dir, '..data'));
    for (const file of ['tls.crt', 'tls.key', 'ca.crt']) {
      await symlink(`..data/${file}`, join(dir, file)).catch(() => undefined);
    }
  }

  async function serve(): Promise<number> {
    tls = await serverTls({ dir, server: 'test', log, metrics, everyMs: 10 });
    server = createRpcServer({ log, metrics, credentials: tls.credentials });
    return server.listen('127.0.0.1:0');
  }

  /** The name in the certificate that a new connection is shown; the connection stays open. */
  async function subject(port: number, client: { cert?: string; key?: string } = {}): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false, ...client });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed')));
      // The server speaks first, once it has taken the client's certificate.
      socket.once('data', () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
    });
  }

  async function eventually(check: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + 5_000;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  it('shows a new certificate to new connections, without a restart', async () => {
    await mount({ 'tls.crt': first.cert, 'tls.key': first.private });
    const port = await serve();
    expect(await subject(port)).toBe('first');
    await mount({ 'tls.crt': second.cert, 'tls.key': second.private });
    await eventually(async () => expect(await subject(port)).toBe('second'));
    expect(await metrics.metrics()).toMatch(/grpc_server_tls_reloads_total\{server="test",result="ok"\} 1/);
  });

  it.each<[string, () => Record<string, string>]>([
    ['whose key is another one', () => ({ 'tls.crt': second.cert, 'tls.key': first.private })],
    ['that is no certificate', () => ({ 'tls.crt': 'nonsense', 'tls.key': second.private })],
    ['that is half gone', () => ({ 'tls.crt': second.cert })],
  ])('refuses a pair %s, says so once, and serves on', async (_case, files) => {
    await mount({ 'tls.crt': first.cert, 'tls.key': first.private });
    const port = await serve();
    await mount(files());
    const refused = /grpc_server_tls_reloads_total\{server="test",result="refused"\} 1/;
    await eventually(async () => expect(await metrics.metrics()).toMatch(refused));
    expect(await subject(port)).toBe('first');
    await mount({ 'tls.crt': second.cert, 'tls.key': second.private });
    await eventually(async () => expect(await subject(port)).toBe('second'));
    expect(logged.filter((msg) => msg.startsWith('New TLS certificate refused'))).toHaveLength(1);
  });

  it('wants a certificate of its clients where there is a CA', async () => {
    await mount({ 'tls.crt': first.cert, 'tls.key': first.private, 'ca.crt': second.cert });
    const port = await serve();
    await expect(subject(port)).rejects.toThrow();
    await expect(subject(port, { cert: first.cert, key: first.private })).rejects.toThrow();
    expect(await subject(port, { cert: second.cert, key: second.private })).toBe('first');
  });

  it('does not start without a usable pair, and names the folder', async () => {
    await expect(serverTls({ dir, server: 'test', log, metrics })).rejects.toThrow(dir);
    await mount({ 'tls.crt': first.cert, 'tls.key': second.private });
    await expect(serverTls({ dir, server: 'test', log, metrics })).rejects.toThrow(dir);
  });
});
