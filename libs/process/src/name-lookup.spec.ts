import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { NameLookup } from './name-lookup.ts';

/** Lookups that end when the test says so; names with `silent` in them are answered by no name server. */
function setup() {
  const started: string[] = [];
  const open = new Map<string, { answer: (addresses: string[]) => void; fail: (error: Error) => void }>();
  const lookup = new NameLookup({
    isAnswered: (name) => Promise.resolve(!name.includes('silent')),
    resolve: (name) => {
      started.push(name);
      return new Promise((answer, fail) => open.set(name, { answer, fail }));
    },
  });
  return { lookup, started, open };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('NameLookup', () => {
  it('finds what the hosts file says', async () => {
    expect(await new NameLookup({ isAnswered: () => Promise.resolve(true) }).addresses('localhost')).toContain(
      '127.0.0.1',
    );
  });

  it('looks up one name at a time of those that nobody answers, and the others at once', async () => {
    const { lookup, started, open } = setup();
    const all = ['silent-0', 'silent-1', 'web', 'api'].map((name) => lookup.addresses(name));
    await turn();
    expect([...started].sort()).toEqual(['api', 'silent-0', 'web']);
    open.get('web')?.answer(['10.0.0.1']);
    expect(await all[2]).toEqual(['10.0.0.1']);

    open.get('silent-0')?.fail(new Error('EAI_AGAIN'));
    await expect(all[0]).rejects.toThrow('EAI_AGAIN');
    await turn();
    expect(started).toContain('silent-1');
    open.get('silent-1')?.answer(['10.0.0.2']);
    expect(await all[1]).toEqual(['10.0.0.2']);
  });

  it('joins a lookup that still goes on, and begins another once it is over', async () => {
    const { lookup, started, open } = setup();
    const both = [lookup.addresses('web'), lookup.addresses('web')];
    await turn();
    open.get('web')?.answer(['10.0.0.1']);
    expect(await Promise.all(both)).toEqual([['10.0.0.1'], ['10.0.0.1']]);
    expect(started).toEqual(['web']);
    void lookup.addresses('web');
    await turn();
    expect(started).toEqual(['web', 'web']);
  });

  it('answers sockets, of either kind, by family', async () => {
    const { lookup, open } = setup();
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    const datagrams = createSocket('udp4');
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const client = connect({ host: 'web', port, lookup: lookup.forSockets });
      await turn();
      open.get('web')?.answer(['::5', '127.0.0.1']);
      expect(String(await once(client, 'data'))).toBe('hello');

      await new Promise<void>((resolve) => datagrams.bind(0, '127.0.0.1', resolve));
      const sender = createSocket({ type: 'udp4', lookup: lookup.forSockets });
      sender.send('hello', datagrams.address().port, 'api');
      await turn();
      open.get('api')?.answer(['::5', '127.0.0.1']);
      expect(String((await once(datagrams, 'message'))[0])).toBe('hello');
      sender.close();
    } finally {
      server.close();
      datagrams.close();
    }
  });

  it('tells sockets why there is no address', async () => {
    const { lookup, open } = setup();
    const asked = new Promise((resolve) => lookup.forSockets('web', { family: 4 }, (error) => resolve(error?.code)));
    await turn();
    open.get('web')?.answer(['::5']);
    expect(await asked).toBe('ENOTFOUND');
  });
});
