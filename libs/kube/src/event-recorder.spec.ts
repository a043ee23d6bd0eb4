import { describe, expect, it } from '@jest/globals';
import { EventRecorder } from './event-recorder.ts';
import type { Resource } from './resource.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { quietLog } from './testing/quiet-log.ts';

const webs: Resource = { group: 'example.com', version: 'v1', plural: 'webs', kind: 'Web', namespaced: true };
const web = { metadata: { namespace: 'a', name: 'x', uid: 'u', resourceVersion: '5' } };
const ready = { type: 'Normal', reason: 'Ready', action: 'Reconcile', note: 'all well' } as const;

function start(maxPending?: number) {
  const clock = new ManualClock();
  const created: { metadata: { name: string; namespace: string }; note: string; regarding: object }[] = [];
  const patched: unknown[] = [];
  const recorder = new EventRecorder({
    client: {
      create: ((_r: unknown, o: never) => Promise.resolve(created.push(o))) as never,
      patch: ((_r: unknown, _ref: unknown, o: { body: unknown }) => Promise.resolve(patched.push(o.body))) as never,
    },
    controller: 'example.com/op',
    instance: 'pod-1',
    log: quietLog(),
    clock,
    maxPending,
  });
  const end = new AbortController();
  return { clock, created, patched, recorder, end, run: () => recorder.run(end.signal) };
}

describe('EventRecorder', () => {
  it('writes an event about an object, and counts its repetitions in a series', async () => {
    const { clock, created, patched, recorder, end, run } = start();
    const running = run();
    recorder.record(webs, web, ready);
    await clock.advance(0);
    recorder.record(webs, web, ready);
    await clock.advance(0);
    expect(created).toHaveLength(1);
    expect(created[0]).toMatchObject({
      metadata: { namespace: 'a' },
      reportingController: 'example.com/op',
      reportingInstance: 'pod-1',
      reason: 'Ready',
      note: 'all well',
      eventTime: '2023-11-14T22:13:20.000000Z',
      regarding: { apiVersion: 'example.com/v1', kind: 'Web', namespace: 'a', name: 'x', uid: 'u' },
    });
    expect(created[0]?.metadata.name).toMatch(/^x\.[0-9a-f]{16}$/);
    expect(patched).toMatchObject([{ series: { count: 2 } }]);
    end.abort();
    await running;
  });

  it('limits what one object may say, and never grows without bound', () => {
    const { recorder } = start(10);
    for (let i = 0; i < 100; i++) recorder.record(webs, web, { ...ready, note: `n${i}` });
    expect(recorder.dropped).toBe(90);
  });

  it('writes about cluster-scoped objects in the namespace default', async () => {
    const { clock, created, recorder, end, run } = start();
    const running = run();
    recorder.record({ ...webs, namespaced: false }, { metadata: { name: 't' } }, ready);
    await clock.advance(0);
    expect(created[0]?.metadata.namespace).toBe('default');
    end.abort();
    await running;
  });
});
