import { describe, expect, it } from '@jest/globals';
import type { Schema } from '../schema/schema.ts';
import { StatusError } from '../status-error.ts';
import { applyJsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

describe('mergePatch (RFC 7386)', () => {
  it('merges objects, removes nulls, replaces the rest, and leaves the target alone', () => {
    const target = { a: { b: 1, c: 2 }, l: [1, 2] };
    expect(mergePatch(target, { a: { b: null, d: 3 }, l: [3], n: { x: null } })).toEqual({
      a: { c: 2, d: 3 },
      l: [3],
      n: {},
    });
    expect(target).toEqual({ a: { b: 1, c: 2 }, l: [1, 2] });
  });
});

describe('applyJsonPatch (RFC 6902)', () => {
  it('applies operations, or refuses with 422', () => {
    expect(applyJsonPatch({ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }])).toEqual({ a: [1, 2] });
    expect(() => applyJsonPatch({}, [{ op: 'test', path: '/a', value: 1 }])).toThrow(StatusError);
    expect(() => applyJsonPatch({}, [{ op: 'remove', path: '/__proto__/x' }])).toThrow(StatusError);
  });
});

describe('strategicMergePatch', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      items: {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: { type: 'object', properties: { name: { type: 'string' }, v: { type: 'integer' } } },
      },
      set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      atomic: { type: 'array', items: { type: 'string' } },
    },
  };
  const target = {
    items: [
      { name: 'a', v: 1 },
      { name: 'b', v: 1 },
    ],
    set: ['x', 'y'],
    atomic: ['1'],
    map: { k: 'v', l: 'w' },
  };

  it('merges lists by key, adds to sets, replaces atomic lists', () => {
    const patch = {
      items: [
        { name: 'b', v: 2 },
        { name: 'c', v: 3 },
      ],
      set: ['z', 'x'],
      atomic: ['2'],
    };
    expect(strategicMergePatch(target, patch, schema)).toMatchObject({
      items: [
        { name: 'a', v: 1 },
        { name: 'b', v: 2 },
        { name: 'c', v: 3 },
      ],
      set: ['x', 'y', 'z'],
      atomic: ['2'],
    });
  });

  it('follows directives', () => {
    expect(strategicMergePatch(target, { items: [{ name: 'a', $patch: 'delete' }] }, schema)['items']).toEqual([
      { name: 'b', v: 1 },
    ]);
    expect(
      strategicMergePatch(target, { items: [{ $patch: 'replace' }, { name: 'z', v: 9 }] }, schema)['items'],
    ).toEqual([{ name: 'z', v: 9 }]);
    expect(strategicMergePatch(target, { '$deleteFromPrimitiveList/set': ['x'] }, schema)['set']).toEqual(['y']);
    expect(strategicMergePatch(target, { map: { $patch: 'replace', n: '1' } }, schema)['map']).toEqual({ n: '1' });
    expect(strategicMergePatch(target, { map: { $retainKeys: ['k'], k: '2' } }, schema)['map']).toEqual({ k: '2' });
    const ordered = strategicMergePatch(target, { '$setElementOrder/items': [{ name: 'b' }, { name: 'a' }] }, schema);
    expect(ordered['items']).toEqual([
      { name: 'b', v: 1 },
      { name: 'a', v: 1 },
    ]);
  });
});
