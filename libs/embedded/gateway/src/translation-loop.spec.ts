import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Snapshot } from './snapshot.ts';
import type { Statuses } from './status.ts';
import { eventually } from './testing/eventually.ts';
import { readResources } from './testing/read-resources.ts';
import { edsCluster, silent } from './testing/snapshots.ts';
import { translate, type Translation } from './translate.ts';
import { TranslationLoop } from './translation-loop.ts';
import type { KubeObject } from './resources.ts';

const gateway = (generation: number): Translation =>
  translate(
    readResources([
      {
        kind: 'GatewayClass',
        metadata: { name: 'c' },
        spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
      },
      {
        kind: 'Gateway',
        metadata: { namespace: 'apps', name: 'edge', generation },
        spec: { gatewayClassName: 'c', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      },
    ] as unknown as KubeObject[]),
    { address: '127.0.0.1' },
  );
const generationOf = (s: Statuses | undefined) => s?.gateways[0]?.conditions[0]?.observedGeneration;
const programmed = (s: Statuses | undefined) => s?.gateways[0]?.conditions.find((c) => c.type === 'Programmed');

describe('TranslationLoop', () => {
  const stop = { abort: () => {} };
  let running: Promise<void>;
  let current: Translation | undefined;
  let reported: Statuses | undefined;
  let published: Translation[];
  let hook: (t: Translation) => Promise<Snapshot>;
  let refusal: Error | undefined;
  let loop: TranslationLoop;

  beforeEach(() => {
    current = undefined;
    reported = undefined;
    published = [];
    refusal = undefined;
    hook = (t) => Promise.resolve(t);
    loop = new TranslationLoop({
      translate: () => current,
      hooks: { apply: (t) => hook(t) },
      publish: (_snapshot, t) => {
        if (refusal) return Promise.reject(refusal);
        published.push(t);
        return Promise.resolve();
      },
      report: (statuses) => (reported = statuses),
      log: silent,
      random: () => 0,
    });
    const controller = new AbortController();
    stop.abort = () => controller.abort();
    running = loop.run(controller.signal);
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  it('does nothing before everything is known, then serves', async () => {
    loop.trigger();
    current = gateway(1);
    loop.trigger();
    await loop.served;
    expect(published).toEqual([current]);
    expect(programmed(reported)?.status).toBe('True');
  });

  it('is served where there is no Gateway', async () => {
    current = translate(readResources([]), { address: '127.0.0.1' });
    loop.trigger();
    await loop.served;
    expect(published).toEqual([]);
  });

  it('translates one at a time, and of many triggers meanwhile the newest state once', async () => {
    const gates: (() => void)[] = [];
    hook = (t) => new Promise((resolve) => gates.push(() => resolve(t)));
    current = gateway(1);
    loop.trigger();
    await eventually(() => expect(gates).toHaveLength(1));
    for (const generation of [2, 3, 4]) {
      current = gateway(generation);
      loop.trigger();
    }
    gates[0]?.();
    await eventually(() => expect(gates).toHaveLength(2));
    gates[1]?.();
    await eventually(() => expect(generationOf(reported)).toBe(4));
    expect(published).toHaveLength(2);
  });

  it('leaves the last good snapshot, and tries again by itself', async () => {
    current = gateway(1);
    loop.trigger();
    await loop.served;
    let failures = 2;
    hook = (t) => (failures-- > 0 ? Promise.reject(new Error('no model')) : Promise.resolve(t));
    current = gateway(2);
    loop.trigger();
    await eventually(() => expect(published).toHaveLength(2));
    expect(failures).toBe(-1);
    expect(programmed(reported)?.status).toBe('True');
  });

  it('says in the status why nothing has been served yet', async () => {
    hook = () => Promise.reject(new Error('no model'));
    current = gateway(1);
    loop.trigger();
    await eventually(() =>
      expect(programmed(reported)).toMatchObject({ status: 'False', reason: 'Pending', message: 'no model' }),
    );
  });

  it('tells who waits that the data plane cannot serve, and goes on trying', async () => {
    refusal = new Error('the port is taken');
    current = gateway(1);
    loop.trigger();
    await expect(loop.served).rejects.toThrow('the port is taken');
    refusal = undefined;
    await eventually(() => expect(published).toHaveLength(1));
  });

  it('never publishes what no data plane could serve', async () => {
    hook = (t) => Promise.resolve({ ...t, clusters: [edsCluster('a'), edsCluster('a')] });
    current = gateway(1);
    loop.trigger();
    await eventually(() => expect(programmed(reported)?.message).toBe('cluster "a" is there twice'));
    expect(published).toEqual([]);
  });
});
