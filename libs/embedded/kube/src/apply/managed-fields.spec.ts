import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KubeObject } from '../object.ts';
import { objectMetaSchema, typeMeta } from '../schema/schema.ts';
import type { Schema } from '../schema/schema.ts';
import { StatusError } from '../status-error.ts';
import { afterUpdate, applyConfig, sameContent } from './managed-fields.ts';
import type { Writer } from './managed-fields.ts';

const text: Schema = { type: 'string' };
const schema: Schema = {
  type: 'object',
  properties: {
    ...typeMeta,
    metadata: objectMetaSchema,
    spec: {
      type: 'object',
      properties: {
        a: text,
        b: text,
        map: { type: 'object', additionalProperties: text },
        set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        atomic: { type: 'array', items: text },
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['key'],
          items: { type: 'object', required: ['key'], properties: { key: text, x: text, y: text } },
        },
      },
    },
  },
};

const writer = (manager: string, operation: Writer['operation'] = 'Apply'): Writer => ({
  manager,
  operation,
  apiVersion: 'test/v1',
  subresource: '',
  now: '2026-01-01T00:00:00Z',
  ignored: [],
  schema,
});

interface Spec {
  a?: string;
  b?: string;
  map?: Record<string, string>;
  set?: string[];
  atomic?: string[];
  items?: { key: string; x?: string; y?: string }[];
}

const config = (spec: Spec): KubeObject => ({ apiVersion: 'test/v1', kind: 'Test', metadata: { name: 'n' }, spec });
const word = fc.constantFrom('1', '2');
const key = fc.constantFrom('p', 'q', 'r');
const specs: fc.Arbitrary<Spec> = fc.record(
  {
    a: word,
    b: word,
    map: fc.dictionary(key, word, { minKeys: 1 }),
    set: fc.uniqueArray(key, { minLength: 1 }),
    atomic: fc.array(word, { minLength: 1 }),
    items: fc.uniqueArray(fc.record({ key, x: word, y: word }, { requiredKeys: ['key'] }), {
      selector: (i) => i.key,
      minLength: 1,
    }),
  },
  { requiredKeys: [] },
);
/** The order of items says nothing about who owns them. */
const sorted = (s: Spec): Spec => ({
  ...s,
  ...(s.items && { items: [...s.items].sort((x, y) => (x.key < y.key ? -1 : 1)) }),
  ...(s.set && { set: [...s.set].sort() }),
});
const apply = (live: KubeObject | undefined, spec: Spec, manager: string): KubeObject =>
  applyConfig(live, config(spec), { writer: writer(manager), force: true });

describe('applyConfig, laws', () => {
  it('applying the same twice changes nothing', () => {
    fc.assert(
      fc.property(specs, specs, (other, spec) => {
        const once = apply(apply(undefined, other, 'other'), spec, 'one');
        expect(sameContent(apply(once, spec, 'one'), once)).toBe(true);
      }),
    );
  });

  it('a lone manager gets exactly what it applies, whatever it applied before', () => {
    fc.assert(
      fc.property(specs, specs, (before, spec) => {
        const { spec: result } = apply(apply(undefined, before, 'one'), spec, 'one');
        const again = apply(undefined, spec, 'one')['spec'];
        expect(sorted((result ?? {}) as Spec)).toEqual(sorted((again ?? {}) as Spec));
      }),
    );
  });

  it('what another manager applies stays when one lets go of everything', () => {
    fc.assert(
      fc.property(specs, specs, (kept, dropped) => {
        const both = apply(apply(undefined, dropped, 'one'), kept, 'two');
        const left = apply(both, {}, 'one');
        const merged = apply(left, kept, 'two');
        expect(sameContent(merged, left)).toBe(true);
      }),
    );
  });

  it('without force either nobody is overruled or there is a conflict', () => {
    fc.assert(
      fc.property(specs, specs, (first, second) => {
        const live = apply(undefined, first, 'one');
        let after: KubeObject;
        try {
          after = applyConfig(live, config(second), { writer: writer('two'), force: false });
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
          expect((error as StatusError).code).toBe(409);
          return;
        }
        // Nobody overruled: the first manager can apply again and changes no value.
        const again = apply(after, first, 'one');
        expect(sorted(again['spec'] as Spec)).toEqual(sorted(after['spec'] as Spec));
      }),
    );
  });
});

describe('afterUpdate', () => {
  const update = (live: KubeObject, spec: Spec): KubeObject => {
    const next = { ...live, spec };
    return { ...next, metadata: { ...next.metadata, managedFields: afterUpdate(live, next, writer('up', 'Update')) } };
  };

  it('moves what changed to the writer, and only that', () => {
    const live = apply(undefined, { a: '1', b: '1' }, 'one');
    const next = update(live, { a: '2', b: '1' });
    const fields = Object.fromEntries((next.metadata.managedFields ?? []).map((m) => [m.manager, m.fieldsV1]));
    expect(fields).toEqual({ one: { 'f:spec': { 'f:b': {} } }, up: { 'f:spec': { 'f:a': {} } } });
  });

  it('drops owners of what was removed', () => {
    const live = apply(undefined, { a: '1' }, 'one');
    expect(update(live, {}).metadata.managedFields?.map((m) => m.manager) ?? []).not.toContain('one');
  });

  it('keeps at most ten updaters and one bucket of the oldest', () => {
    let live = apply(undefined, {}, 'one');
    for (let i = 0; i < 15; i++) {
      const next = { ...live, spec: { map: { ...(live['spec'] as Spec | undefined)?.map, [`k${i}`]: '1' } } };
      const now = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`;
      const managedFields = afterUpdate(live, next, { ...writer(`up-${i}`, 'Update'), now });
      live = { ...next, metadata: { ...next.metadata, managedFields } };
    }
    const names = live.metadata.managedFields?.map((m) => m.manager) ?? [];
    // The applier, ten updaters, the bucket.
    expect(names).toHaveLength(12);
    expect(names).toContain('ancient-changes');
    expect(names).toContain('up-14');
  });
});
