import { describe, expect, it } from '@jest/globals';
import { HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { Registry } from 'prom-client';
import { fixedPeers } from '../peers/peers.ts';
import { quietLogger } from '../testing/objects.ts';
import { HealthWatcher } from './health-watcher.ts';

function start() {
  const log = quietLogger();
  const changes: string[][] = [];
  const watcher = new HealthWatcher({
    peers: fixedPeers([]),
    client: 'operator/0',
    servicesOf: () => ['shop/web'],
    onChange: (targets) => changes.push([...targets]),
    log,
    metrics: new Registry(),
  });
  const report = (healthy: boolean, more: object = {}) => {
    watcher.receive(
      HealthUpdate.fromPartial({
        checker: 'c1',
        epoch: 1,
        targets: [
          {
            target: 't',
            healthy,
            observedSinceMs: 1,
            transitions: healthy ? [] : [{ atMs: 5, healthy: false }],
            recentFailures: healthy ? [] : [{ atMs: 5, errorType: 'Timeout', message: 'no answer in 1s' }],
            ...more,
          },
        ],
      }),
    );
  };
  return { watcher, log, changes, report };
}

describe('HealthWatcher', () => {
  it('tells of changes only, and logs those from fit to unfit and back', () => {
    const { watcher, log, changes, report } = start();
    report(true);
    report(true, { successiveSuccesses: 9 });
    expect(changes).toEqual([['t']]);
    expect(log.lines).toEqual([]);
    report(false);
    expect(log.lines).toMatchObject([
      {
        level: 'warn',
        msg: 'health check failed',
        fields: { target: 't', services: ['shop/web'], errorType: 'Timeout' },
      },
    ]);
    expect(watcher.details.get('t')?.recentFailures).toMatchObject([{ errorType: 'Timeout' }]);
    report(true, {
      transitions: [
        { atMs: 5, healthy: false },
        { atMs: 9, healthy: true },
      ],
    });
    expect(log.lines[1]).toMatchObject({ level: 'info', msg: 'health check passed' });
    expect(changes).toHaveLength(3);
  });

  it('forgets targets that nobody has', () => {
    const { watcher, report } = start();
    report(false);
    watcher.retain(new Map());
    expect([watcher.health.size, watcher.details.size]).toEqual([0, 0]);
  });

  it('waits for the first report of every checker, but not for one that is away', async () => {
    const { watcher } = start();
    await watcher.firstReports(60_000);
    const away = new HealthWatcher({
      peers: fixedPeers(['127.0.0.1:9']),
      client: 'operator/0',
      servicesOf: () => [],
      onChange: () => undefined,
      log: quietLogger(),
      metrics: new Registry(),
    });
    await away.firstReports(1);
  });
});
