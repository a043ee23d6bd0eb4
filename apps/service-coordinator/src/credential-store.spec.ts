import { describe, expect, it } from '@jest/globals';
import { CredentialStore, type ReadSecret } from './credential-store.ts';
import { secret } from './testing/bench.ts';

const ref = { namespace: 'system', name: 'oauth' };

function store(read: ReadSecret, clock = { at: 0 }) {
  return new CredentialStore({ read, ttlMs: 1000, now: () => clock.at, timeoutMs: 1000 });
}

describe('CredentialStore', () => {
  it('reads a Secret once per TTL, for all who ask, and sees a new version after it', async () => {
    const clock = { at: 0 };
    let reads = 0;
    const credentials = store(
      () => Promise.resolve(secret(String(++reads), { client_id: 'id', client_secret: 's\n' })),
      clock,
    );
    const first = await Promise.all([credentials.get(ref), credentials.get(ref)]);
    expect(first).toEqual(Array(2).fill({ clientId: 'id', clientSecret: 's', version: '1' }));

    clock.at = 1000;
    expect((await credentials.get(ref)).version).toBe('2');
    credentials.forget(ref);
    expect((await credentials.get(ref)).version).toBe('3');
  });

  it('does not keep a failure, and tells "cannot be read" from "is not there"', async () => {
    const answers: (() => ReturnType<ReadSecret>)[] = [
      () => Promise.reject(new Error('connection refused')),
      () => Promise.resolve(undefined),
      () => Promise.resolve(secret('1', { 'client-id': 'id', client_secret: 's' })),
    ];
    const credentials = store(() => answers.shift()!());
    await expect(credentials.get(ref)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(credentials.get(ref)).rejects.toMatchObject({
      code: 'secret-not-found',
      message: 'Secret system/oauth does not exist: create it',
    });
    expect((await credentials.get(ref)).clientId).toBe('id');
  });
});
