import { afterEach, describe, expect, it } from '@jest/globals';
import type { Logger } from '@tsgateway/process';
import { NameResolver } from './name-resolver.ts';

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};
let abort = new AbortController();

afterEach(() => {
  abort.abort();
  abort = new AbortController();
});

/** A resolver whose next change can be awaited. */
function setup(resolve: (name: string) => Promise<string[]>) {
  let told: (names: ReadonlySet<string>) => void = () => undefined;
  const resolver = new NameResolver({ resolve, log, signal: abort.signal, everyMs: 1, onChange: (n) => told(n) });
  const change = () => new Promise<ReadonlySet<string>>((r) => (told = r));
  return { resolver, change };
}

describe('NameResolver', () => {
  it('takes IP addresses as they are, without asking', () => {
    const { resolver } = setup(() => Promise.reject(new Error('asked')));
    resolver.set(['127.0.0.1', '::1']);
    expect([resolver.addresses('127.0.0.1'), resolver.addresses('::1')]).toEqual([['127.0.0.1'], ['::1']]);
  });

  it('tells when a name has new addresses, sorted', async () => {
    let answer = ['10.0.0.2', '10.0.0.1'];
    const { resolver, change } = setup(() => Promise.resolve([...answer]));
    const first = change();
    resolver.set(['web.example']);
    expect(resolver.addresses('web.example')).toBeUndefined();
    expect([...(await first)]).toEqual(['web.example']);
    expect(resolver.addresses('web.example')).toEqual(['10.0.0.1', '10.0.0.2']);
    const second = change();
    answer = ['10.0.0.3'];
    await second;
    expect(resolver.addresses('web.example')).toEqual(['10.0.0.3']);
  });

  it('keeps what it found last while the resolver fails, and forgets names that nobody asks for', async () => {
    let fail = false;
    let failed: () => void = () => undefined;
    const { resolver, change } = setup(() => {
      if (!fail) return Promise.resolve(['10.0.0.1']);
      failed();
      return Promise.reject(new Error('SERVFAIL'));
    });
    const first = change();
    resolver.set(['web.example']);
    await first;
    const failure = new Promise<void>((r) => (failed = r));
    fail = true;
    await failure;
    expect(resolver.addresses('web.example')).toEqual(['10.0.0.1']);
    resolver.set([]);
    expect(resolver.addresses('web.example')).toBeUndefined();
  });

  it('tells that the first lookup is over, also if it found nothing', async () => {
    const { resolver, change } = setup(() => Promise.reject(new Error('NXDOMAIN')));
    const first = change();
    resolver.set(['gone.example']);
    await first;
    expect(resolver.addresses('gone.example')).toEqual([]);
  });
});
