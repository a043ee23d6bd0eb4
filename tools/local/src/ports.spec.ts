import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { UsageError } from './options.ts';
import { choosePorts, requireFree } from './ports.ts';

let server: Server;
let taken: number;

beforeEach(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  taken = (server.address() as { port: number }).port;
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

describe('requireFree', () => {
  it('says who wanted the port and what to do', async () => {
    const attempt = requireFree(taken, { by: 'the gateway', fix: 'choose another' });
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow(`port ${taken}, for the gateway, is in use: choose another`);
  });
});

describe('choosePorts', () => {
  it('replaces a used port and 0, and never gives one twice', async () => {
    const ports = await choosePorts({ a: taken, b: 0, c: 0, d: taken });
    expect(Object.values(ports)).not.toContain(taken);
    expect(Object.values(ports)).not.toContain(0);
    expect(new Set(Object.values(ports)).size).toBe(4);
  });

  it('keeps a documented port that is free', async () => {
    await new Promise((resolve) => server.close(resolve));
    expect(await choosePorts({ a: taken })).toEqual({ a: taken });
    expect(await choosePorts({ a: taken }, [taken])).not.toEqual({ a: taken });
  });
});
