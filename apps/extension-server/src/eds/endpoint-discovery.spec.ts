import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import type { Assignment } from './delta-subscription.ts';
import { EndpointDiscovery } from './endpoint-discovery.ts';

/** A stream whose writes leave only when the test says so. */
class FakeStream extends EventEmitter {
  readonly written: string[] = [];
  #callback: (() => void) | undefined;

  write(response: Buffer, written: () => void): boolean {
    if (this.#callback) throw new Error('two responses on their way');
    const { resources, nonce } = DeltaDiscoveryResponse.decode(response);
    const what = resources.map((r) => `${r.name}=${r.version}=${Buffer.from(r.resource?.value ?? []).toString()}`);
    this.written.push(`${nonce}: ${what.join(' ')}`);
    this.#callback = written;
    return true;
  }

  leave(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  ask(request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]): void {
    this.emit('data', DeltaDiscoveryRequest.fromPartial(request));
  }
}

function setup() {
  let now = 0;
  const known = new Map<string, Assignment>();
  const asked: string[] = [];
  const released: string[] = [];
  const logged: Record<string, unknown>[] = [];
  const log = { ...console, error: (fields: Record<string, unknown>) => logged.push(fields), child: () => log };
  const counts = { streams: 0, pushed: 0, rejected: 0 };
  const eds = new EndpointDiscovery({
    source: { assignment: (name) => (asked.push(name), known.get(name)) },
    onReleased: (name) => released.push(name),
    now: () => now,
    log: log as never,
    metrics: {
      streams: (n) => (counts.streams = n),
      pushed: (n) => (counts.pushed += n),
      rejected: () => counts.rejected++,
    },
  });
  const set = (name: string, version: string) => known.set(name, { version, body: Buffer.from(`body${version}`) });
  const open = (...names: string[]) => {
    const stream = new FakeStream();
    eds.deltaEndpoints(stream as never);
    stream.ask({ resourceNamesSubscribe: names });
    return stream;
  };
  return { eds, set, open, asked, released, logged, counts, wait: (ms: number) => (now += ms) };
}

describe('EndpointDiscovery', () => {
  it('touches only the streams that asked for what changed', () => {
    const { eds, set, open, asked } = setup();
    set('a', '1');
    set('b', '1');
    const [a, b] = [open('a'), open('b')];
    for (const s of [a, b]) s.leave();
    asked.length = 0;
    set('a', '2');
    eds.changed(['a', 'nobody']);
    expect(asked).toEqual(['a']);
    expect(a.written).toEqual(['1: a=1=body1', '2: a=2=body2']);
    expect(b.written).toEqual(['1: b=1=body1']);
  });

  it('has one response on its way to a slow reader, and then tells it the newest', () => {
    const { eds, set, open } = setup();
    set('a', '1');
    const slow = open('a');
    for (const version of ['2', '3', '4']) {
      set('a', version);
      eds.changed(['a']);
    }
    slow.leave();
    slow.leave();
    expect(slow.written).toEqual(['1: a=1=body1', '2: a=4=body4']);
  });

  it('forgets a stream that ends, and releases names that nobody asks for any more', () => {
    const { eds, set, open, released, counts } = setup();
    for (const name of ['a', 'b']) set(name, '1');
    const [one, other] = [open('a', 'b'), open('a')];
    one.ask({ resourceNamesUnsubscribe: ['b'] });
    expect(released).toEqual(['b']);
    one.emit('cancelled');
    one.emit('close');
    expect([released, [...eds.names()], counts.streams]).toEqual([['b'], ['a'], 1]);
    one.leave();
    set('a', '2');
    eds.changed(['a']);
    expect(one.written).toHaveLength(1);
    other.emit('error', new Error('gone'));
    expect([released, [...eds.names()], counts.streams]).toEqual([['b', 'a'], [], 0]);
  });

  it('counts every refusal and logs one in ten seconds', () => {
    const { open, logged, counts, wait } = setup();
    const stream = open('a');
    const refuse = () => stream.ask({ responseNonce: '1', errorDetail: { code: 3, message: 'bad' } });
    for (let i = 0; i < 5; i++) refuse();
    wait(10_000);
    refuse();
    expect(counts.rejected).toBe(6);
    expect(logged.map((l) => l['notLogged'])).toEqual([0, 4]);
  });
});
