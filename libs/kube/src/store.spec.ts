import { describe, expect, it } from '@jest/globals';
import type { GenericObject } from './resource.ts';
import { Store } from './store.ts';
import { quietLog } from './testing/quiet-log.ts';

const object = (name: string, version: string, app: string): GenericObject => ({
  metadata: { namespace: 'a', name, uid: name, resourceVersion: version, labels: { app } },
});
const byApp = (o: GenericObject): string[] => [o.metadata.labels?.['app'] ?? ''];

describe('Store', () => {
  it('keeps indices right through updates and deletions', () => {
    const store = new Store<GenericObject>({ log: quietLog(), indexers: { app: byApp } });
    store.replace([object('x', '1', 'web'), object('y', '2', 'web')], '2');
    store.put(object('x', '3', 'api'));
    store.remove(object('y', '4', 'web'));
    expect(store.byIndex('app', 'web')).toEqual([]);
    expect(store.byIndex('app', 'api').map((o) => o.metadata.name)).toEqual(['x']);
    expect(store.resourceVersion).toBe(4n);
    expect(() => store.byIndex('zone', 'a')).toThrow('no index "zone"');
  });

  it('does not let one failing handler keep an event from the others', () => {
    const log = quietLog();
    const store = new Store<GenericObject>({ log });
    const told: string[] = [];
    store.subscribe({
      add: () => {
        throw new Error('broken');
      },
    });
    store.subscribe({ add: (o) => told.push(o.metadata.name) });
    store.put(object('x', '1', 'web'));
    expect(told).toEqual(['x']);
    expect(log.lines).toHaveLength(1);
  });

  it('tells a late subscriber what is there', () => {
    const store = new Store<GenericObject>({ log: quietLog() });
    store.put(object('x', '1', 'web'));
    const told: string[] = [];
    store.subscribe({ add: (o) => told.push(o.metadata.name) })();
    store.put(object('y', '2', 'web'));
    expect(told).toEqual(['x']);
  });
});
