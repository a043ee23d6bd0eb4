import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KubeError } from './kube-error.ts';
import { LeaderElector, type Lease, type LeaderElectorOptions } from './leader-elector.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { quietLog } from './testing/quiet-log.ts';

const fail = (status: number, reason: string) =>
  Promise.reject(new KubeError({ status, reason, message: reason, path: '/lease' }));

/** One Lease with optimistic concurrency, and clients of it that can be cut off. */
function leaseServer() {
  let stored: Lease | undefined;
  let version = 0;
  const write = (lease: Lease): Promise<Lease> => {
    version += 1;
    stored = structuredClone({ ...lease, metadata: { ...lease.metadata, resourceVersion: String(version) } });
    return Promise.resolve(structuredClone(stored));
  };
  const client = (reachable: () => boolean): LeaderElectorOptions['client'] => {
    const online = <T>(call: () => Promise<T>): Promise<T> => (reachable() ? call() : fail(0, 'ConnectionFailed'));
    return {
      get: (() => online(() => (stored ? Promise.resolve(structuredClone(stored)) : fail(404, 'NotFound')))) as never,
      create: ((_r: unknown, lease: Lease) =>
        online(() => (stored ? fail(409, 'AlreadyExists') : write(lease)))) as never,
      update: ((_r: unknown, lease: Lease) =>
        online(() =>
          lease.metadata.resourceVersion === stored?.metadata.resourceVersion ? write(lease) : fail(409, 'Conflict'),
        )) as never,
    };
  };
  return { client, lease: () => stored };
}

function contender(server: ReturnType<typeof leaseServer>, identity: string, clock: ManualClock, random = () => 0) {
  const state = { online: true, working: false, started: 0 };
  const end = new AbortController();
  const elector = new LeaderElector({
    client: server.client(() => state.online),
    lease: { namespace: 'ns', name: 'op' },
    identity,
    clock,
    log: quietLog(),
    random,
    onStartedLeading: (signal) => {
      state.working = true;
      state.started += 1;
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          state.working = false;
          resolve();
        });
      });
    },
  });
  return { elector, state, end, running: elector.run(end.signal) };
}

describe('LeaderElector', () => {
  it('lets one of two lead, and renews the lease', async () => {
    const [server, clock] = [leaseServer(), new ManualClock()];
    const a = contender(server, 'a', clock);
    await clock.advance(0);
    const b = contender(server, 'b', clock);
    await clock.advance(60_000);
    expect([a.elector.leading, b.elector.leading]).toEqual([true, false]);
    expect(server.lease()?.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
    const age = clock.now() - Date.parse(server.lease()?.spec?.renewTime ?? '');
    expect(age).toBeLessThanOrEqual(2000);
    expect(server.lease()?.spec?.renewTime).toMatch(/\.\d{6}Z$/);
  });

  it('releases the lease on shutdown, so that another takes over within a retry', async () => {
    const [server, clock] = [leaseServer(), new ManualClock()];
    const a = contender(server, 'a', clock);
    await clock.advance(5000);
    const b = contender(server, 'b', clock);
    await clock.advance(100);
    a.end.abort();
    await clock.advance(0);
    await a.running;
    expect(server.lease()?.spec?.holderIdentity).toBe('');
    await clock.advance(2400);
    expect([a.state.working, b.elector.leading]).toEqual([false, true]);
    expect(server.lease()?.spec?.leaseTransitions).toBe(1);
  });

  it('takes over from a dead leader once its lease has run out, not before', async () => {
    const [server, clock] = [leaseServer(), new ManualClock()];
    const a = contender(server, 'a', clock);
    await clock.advance(4000);
    const b = contender(server, 'b', clock);
    await clock.advance(10);
    a.state.online = false;
    await clock.advance(9_000);
    expect([a.elector.leading, b.elector.leading]).toEqual([true, false]);
    await clock.advance(2_500);
    expect([a.state.working, b.elector.leading]).toEqual([false, false]);
    await clock.advance(6_000);
    expect(b.elector.leading).toBe(true);
    a.state.online = true;
    await clock.advance(30_000);
    expect([a.elector.leading, b.elector.leading]).toEqual([false, true]);
  });

  it('does not lead after a stall, although no timer has told it yet', async () => {
    const [server, clock] = [leaseServer(), new ManualClock()];
    const a = contender(server, 'a', clock);
    await clock.advance(100);
    clock.jump(11_000);
    expect(a.state.working).toBe(true);
    expect(a.elector.leading).toBe(false);
  });

  it('does not ask for the lease again before its work has ended', async () => {
    const [server, clock] = [leaseServer(), new ManualClock()];
    let finish: () => void = () => undefined;
    let started = 0;
    let online = true;
    const elector = new LeaderElector({
      client: server.client(() => online),
      lease: { namespace: 'ns', name: 'op' },
      identity: 'a',
      clock,
      log: quietLog(),
      onStartedLeading: () => {
        started += 1;
        return new Promise((resolve) => (finish = resolve));
      },
    });
    const end = new AbortController();
    void elector.run(end.signal);
    await clock.advance(100);
    online = false;
    await clock.advance(20_000);
    online = true;
    await clock.advance(60_000);
    expect([started, elector.leading]).toEqual([1, false]);
    finish();
    await clock.advance(5_000);
    expect([started, elector.leading]).toEqual([2, true]);
  });

  it('never has two leaders, whoever is cut off and whenever', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.constantFrom('cut', 'heal', 'none'), fc.integer({ min: 1, max: 9000 })), {
          maxLength: 25,
        }),
        fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { minLength: 5, maxLength: 5 }),
        async (steps, randoms) => {
          const [server, clock] = [leaseServer(), new ManualClock()];
          let i = 0;
          const random = () => randoms[i++ % randoms.length] ?? 0;
          const all = ['a', 'b', 'c'].map((identity) => contender(server, identity, clock, random));
          for (const [who, what, ms] of steps) {
            const state = all[who]?.state;
            if (state && what !== 'none') state.online = what === 'heal';
            // In small steps, so that an overlap of a moment is seen too.
            for (let left = ms; left > 0; left -= 500) {
              await clock.advance(Math.min(500, left));
              if (all.filter((c) => c.state.working || c.elector.leading).length > 1) return false;
            }
          }
          return true;
        },
      ),
      { numRuns: 40 },
    );
  });

  it('refuses timings by which two could lead', () => {
    const options = {
      client: {} as never,
      lease: { namespace: 'n', name: 'l' },
      identity: 'a',
      log: quietLog(),
      onStartedLeading: () => Promise.resolve(),
    };
    expect(() => new LeaderElector({ ...options, renewDeadlineMs: 15_000 })).toThrow('leaseDurationMs');
    expect(() => new LeaderElector({ ...options, retryPeriodMs: 9_000 })).toThrow('renewDeadlineMs');
  });
});
