import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KubeObject } from '../object.ts';
import { StatusError } from '../status-error.ts';
import { Store } from './store.ts';

const object = (name: string, n = 0): KubeObject => ({ apiVersion: 'v1', kind: 'Thing', metadata: { name }, n });
const step = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), n: fc.nat(3), remove: fc.boolean() });

function play(store: Store, steps: readonly { name: string; n: number; remove: boolean }[]): void {
  for (const { name, n, remove } of steps) {
    const stored = store.get('things', name);
    if (!remove) store.put('things', name, object(name, n));
    else if (stored !== undefined) store.remove('things', name, stored);
  }
}

describe('Store', () => {
  it('gives every change its own, growing revision', () => {
    const store = new Store({ historySize: 10, maxObjects: 10 });
    const a = store.put('things', 'a', object('a'));
    const b = store.put('things', 'b', object('b'));
    const gone = store.remove('things', 'a', a);
    const revisions = [a, b, gone].map((o) => Number(o.metadata.resourceVersion));
    expect(revisions).toEqual([...new Set(revisions)].sort((x, y) => x - y));
    expect(store.revision).toBe(revisions[2]);
  });

  it('lists in the order of keys, by namespace', () => {
    const store = new Store({ historySize: 10, maxObjects: 10 });
    for (const [ns, name] of [
      ['b', 'x'],
      ['a', 'z'],
      ['a', 'y'],
    ] as const) {
      store.put('things', `${ns}/${name}`, { ...object(name), metadata: { name, namespace: ns } });
    }
    expect(store.list('things').map((o) => o.metadata.name)).toEqual(['y', 'z', 'x']);
    expect(store.list('things', 'a').map((o) => o.metadata.name)).toEqual(['y', 'z']);
  });

  it('law: a list at a revision, and the changes since, make the list of now', () => {
    fc.assert(
      fc.property(fc.array(step), fc.array(step), (before, after) => {
        const store = new Store({ historySize: 1000, maxObjects: 100 });
        play(store, before);
        const at = store.revision;
        const snapshot = store.list('things');
        play(store, after);
        expect(store.listAt('things', at)).toEqual(snapshot);
        const replayed = new Map(snapshot.map((o) => [o.metadata.name, o]));
        const missed = store.since('things', at);
        if (missed === 'gone') throw new Error('the history is long enough');
        for (const { type, object: changed } of missed) {
          if (type === 'DELETED') replayed.delete(changed.metadata.name);
          else replayed.set(changed.metadata.name, changed);
        }
        const names = [...replayed.keys()].sort();
        expect(names.map((name) => replayed.get(name))).toEqual(store.list('things'));
      }),
    );
  });

  it('forgets what is older than its history, and says so', () => {
    const store = new Store({ historySize: 4, maxObjects: 1000 });
    const first = store.put('things', 'first', object('first'));
    for (let i = 0; i < 200; i++) store.put('things', 'a', object('a', i));
    expect(store.since('things', Number(first.metadata.resourceVersion))).toBe('gone');
    expect(() => store.listAt('things', Number(first.metadata.resourceVersion))).toThrow(StatusError);
    expect(store.since('things', store.revision - 2)).toHaveLength(2);
  });

  it('holds no more than its bound, and takes again after a removal', () => {
    const store = new Store({ historySize: 4, maxObjects: 2 });
    const a = store.put('things', 'a', object('a'));
    store.put('things', 'b', object('b'));
    expect(() => store.put('things', 'c', object('c'))).toThrow('at most 2 objects');
    store.put('things', 'b', object('b', 1));
    store.remove('things', 'a', a);
    expect(store.put('things', 'c', object('c')).metadata.name).toBe('c');
  });
});
