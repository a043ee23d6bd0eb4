import { describe, expect, it } from '@jest/globals';
import { ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import fc from 'fast-check';
import { emptyModel, type MeshModel } from './model.ts';
import { arbitraryModel } from './testing/arbitrary.ts';
import { applyUpdate, diffModels, snapshotOf } from './update.ts';

const throughTheWire = (update: ModelUpdate): ModelUpdate => ModelUpdate.decode(ModelUpdate.encode(update).finish());

const service = (name: string): [string, MeshModel['services'] extends ReadonlyMap<string, infer S> ? S : never] => [
  `TailscaleServices/ns/${name}`,
  {
    ...{ kind: 'TailscaleServices', namespace: 'ns', name, generation: 1, strategy: 'weighted', failbackDelayMs: 0 },
    groups: [],
  },
];

describe('model updates', () => {
  it('take a reader from any model to any later one', () => {
    fc.assert(
      fc.property(arbitraryModel, arbitraryModel, (a, b) => {
        fc.pre(a.revision <= b.revision);
        expect(applyUpdate(a, throughTheWire(diffModels(a, b)))).toEqual(b);
        expect(applyUpdate(a, throughTheWire(snapshotOf(b)))).toEqual(b);
      }),
    );
  });

  it('are empty between equal models', () => {
    fc.assert(
      fc.property(arbitraryModel, (model) => {
        expect(diffModels(model, structuredClone(model))).toEqual({
          revision: model.revision,
          snapshot: false,
          services: [],
          routes: [],
          removedServices: [],
          removedRoutes: [],
          checkers: undefined,
        });
      }),
    );
  });

  it('name only what changed', () => {
    const before: MeshModel = {
      ...emptyModel,
      revision: 1n,
      services: new Map([service('a'), service('b'), service('c')]),
    };
    const [key, b] = service('b');
    const after = {
      ...before,
      revision: 2n,
      services: new Map([service('a'), [key, { ...b, generation: 2 }] as const]),
    };
    const update = diffModels(before, after);
    expect(update.services.map((s) => s.name)).toEqual(['b']);
    expect(update.removedServices).toEqual(['TailscaleServices/ns/c']);
  });

  it('older than the model are stale, snapshots too', () => {
    const model = { ...emptyModel, revision: 5n };
    expect(applyUpdate(model, snapshotOf({ ...emptyModel, revision: 4n }))).toBe('stale');
    expect(applyUpdate(model, diffModels(emptyModel, { ...emptyModel, revision: 4n }))).toBe('stale');
    expect(applyUpdate(model, snapshotOf({ ...emptyModel, revision: 5n }))).toEqual(model);
  });

  it('keep the object of a resource that a snapshot repeats unchanged', () => {
    const model = { ...emptyModel, services: new Map([service('a')]) };
    const next = applyUpdate(model, throughTheWire(snapshotOf({ ...model, revision: 9n })));
    if (next === 'stale') throw new Error('stale');
    expect(next.services.get('TailscaleServices/ns/a')).toBe(model.services.get('TailscaleServices/ns/a'));
  });

  it('keep the last good form of a resource that cannot be decoded, and say so', () => {
    const model = { ...emptyModel, services: new Map([service('a'), service('b')]) };
    const update = snapshotOf(model);
    const machine = { id: 'm', host: 'h', port: 1, protocol: 'QUIC', weight: 1, hostname: '', probe: undefined };
    update.services[0]!.groups = [{ name: 'g', source: 'external', weight: 1, tier: 0, machines: [machine] }];
    const refused: string[] = [];
    expect(applyUpdate(model, update, (key, error) => refused.push(`${key}: ${String(error)}`))).toEqual(model);
    expect(refused).toEqual([expect.stringMatching(/^TailscaleServices\/ns\/a: DecodeError: .*protocol is "QUIC"/)]);
  });
});
