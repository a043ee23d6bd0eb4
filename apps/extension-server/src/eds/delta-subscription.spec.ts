import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Assignment, type DeltaRequest, DeltaSubscription } from './delta-subscription.ts';

const request = (more: Partial<DeltaRequest>): DeltaRequest => ({
  resourceNamesSubscribe: [],
  resourceNamesUnsubscribe: [],
  initialResourceVersions: {},
  responseNonce: '',
  ...more,
});

function setup(versions: Record<string, string> = {}) {
  const known = new Map(Object.entries(versions));
  const source = {
    assignment: (name: string): Assignment | undefined => {
      const version = known.get(name);
      return version === undefined ? undefined : { version, body: Buffer.from(version) };
    },
  };
  const subscription = new DeltaSubscription(source);
  const sent = () => subscription.next()?.resources.map((r) => `${r.name}=${r.assignment.version}`);
  return { known, subscription, sent };
}

describe('DeltaSubscription', () => {
  it('answers a subscription once, and again only when the assignment changes', () => {
    const { known, subscription, sent } = setup({ a: '1' });
    subscription.request(request({ resourceNamesSubscribe: ['a'] }));
    expect(sent()).toEqual(['a=1']);
    subscription.changed(['a']);
    expect(sent()).toBeUndefined();
    known.set('a', '2');
    subscription.changed(['a', 'stranger']);
    expect(sent()).toEqual(['a=2']);
  });

  it('answers again when the client subscribes again', () => {
    const { subscription, sent } = setup({ a: '1' });
    subscription.request(request({ resourceNamesSubscribe: ['a'] }));
    sent();
    subscription.request(request({ resourceNamesSubscribe: ['a'] }));
    expect(sent()).toEqual(['a=1']);
  });

  it('sends nothing that a reconnecting client says it has', () => {
    const { subscription, sent } = setup({ a: '1', b: '2' });
    const initialResourceVersions = { a: '1', b: 'old' };
    subscription.request(request({ resourceNamesSubscribe: ['a', 'b'], initialResourceVersions }));
    expect(sent()).toEqual(['b=2']);
  });

  it('keeps silent about what is not known yet, and answers when it is', () => {
    const { known, subscription, sent } = setup();
    subscription.request(request({ resourceNamesSubscribe: ['a'] }));
    expect(sent()).toBeUndefined();
    known.set('a', '1');
    expect(sent()).toEqual(['a=1']);
  });

  it('forgets what is unsubscribed', () => {
    const { known, subscription, sent } = setup({ a: '1' });
    subscription.request(request({ resourceNamesSubscribe: ['a'] }));
    subscription.request(request({ resourceNamesUnsubscribe: ['a'] }));
    known.set('a', '2');
    subscription.changed(['a']);
    expect(sent()).toBeUndefined();
    expect([...subscription.names]).toEqual([]);
  });

  it('reports what the client rejected, and does not repeat it', () => {
    const { subscription, sent } = setup({ a: '1' });
    subscription.request(request({ resourceNamesSubscribe: ['a'] }));
    sent();
    expect(subscription.request(request({ responseNonce: '1', errorDetail: { message: 'bad' } }))).toEqual({
      rejected: 'bad',
    });
    expect(subscription.request(request({ responseNonce: '1' }))).toEqual({});
    expect(sent()).toBeUndefined();
  });

  it('law: whatever happens, a reader that drains it ends with the newest version of each of its names', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const event = fc.oneof(
      fc.record({ kind: fc.constant('subscribe' as const), name }),
      fc.record({ kind: fc.constant('unsubscribe' as const), name }),
      fc.record({ kind: fc.constant('change' as const), name }),
      fc.record({ kind: fc.constant('read' as const), name }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { known, subscription } = setup({ a: '0', b: '0', c: '0' });
        const client = new Map<string, string>();
        const read = () => {
          for (let r = subscription.next(); r; r = subscription.next()) {
            for (const { name: n, assignment } of r.resources) client.set(n, assignment.version);
          }
        };
        let version = 0;
        const wanted = new Set<string>();
        for (const e of events) {
          if (e.kind === 'subscribe') {
            wanted.add(e.name);
            subscription.request(request({ resourceNamesSubscribe: [e.name] }));
          } else if (e.kind === 'unsubscribe') {
            wanted.delete(e.name);
            client.delete(e.name);
            subscription.request(request({ resourceNamesUnsubscribe: [e.name] }));
          } else if (e.kind === 'change') {
            known.set(e.name, String(++version));
            subscription.changed([e.name]);
          } else read();
        }
        read();
        for (const n of wanted) expect(client.get(n)).toBe(known.get(n));
      }),
    );
  });
});
