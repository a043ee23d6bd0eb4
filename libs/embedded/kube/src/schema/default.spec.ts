import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { clone } from '../object.ts';
import type { JsonObject } from '../object.ts';
import { applyDefaults, dropNulls } from './default.ts';
import { prune } from './prune.ts';
import type { Schema } from './schema.ts';

const leaf: fc.Arbitrary<Schema> = fc.record(
  { type: fc.constant('string'), default: fc.constantFrom('x', 'y'), nullable: fc.boolean() },
  { requiredKeys: ['type'] },
);
const { schema: schemas } = fc.letrec<{ schema: Schema; object: Schema }>((tie) => ({
  schema: fc.oneof({ maxDepth: 3 }, leaf, tie('object')),
  object: fc.record(
    {
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema')),
      default: fc.constant({}),
      'x-kubernetes-preserve-unknown-fields': fc.boolean(),
    },
    { requiredKeys: ['type', 'properties'] },
  ),
}));
const values = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.jsonValue({ maxDepth: 3 }),
) as fc.Arbitrary<JsonObject>;
const root = (schema: Schema): Schema => ({ type: 'object', properties: { spec: schema } });

describe('defaults and pruning, laws', () => {
  it('default after default is default', () => {
    fc.assert(
      fc.property(schemas, values, (schema, spec) => {
        const once: JsonObject = { spec: clone(spec) };
        applyDefaults(once, root(schema));
        const twice = clone(once);
        applyDefaults(twice, root(schema));
        expect(twice).toEqual(once);
      }),
    );
  });

  it('pruned once leaves nothing to prune', () => {
    fc.assert(
      fc.property(schemas, values, (schema, spec) => {
        const json: JsonObject = { spec: clone(spec) };
        prune(json, root(schema));
        expect(prune(json, root(schema))).toEqual([]);
      }),
    );
  });
});

describe('applyDefaults', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      outer: { type: 'object', default: {}, properties: { inner: { type: 'string', default: 'x' } } },
      list: { type: 'array', items: { type: 'object', properties: { p: { type: 'string', default: 'TCP' } } } },
      nullable: { type: 'string', nullable: true, default: 'x' },
    },
  };

  it('fills nested defaults, in lists too, and keeps a null that may be', () => {
    const value: JsonObject = { list: [{}, { p: 'UDP' }], nullable: null };
    applyDefaults(value, schema);
    expect(value).toEqual({ outer: { inner: 'x' }, list: [{ p: 'TCP' }, { p: 'UDP' }], nullable: null });
  });

  it('takes a null that may not be for absent', () => {
    const value: JsonObject = { outer: null, list: null, nullable: null };
    dropNulls(value, schema);
    applyDefaults(value, schema);
    expect(value).toEqual({ outer: { inner: 'x' }, nullable: null });
  });
});

describe('prune', () => {
  it('tells paths, and leaves what the schema lets be', () => {
    const schema: Schema = {
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { list: { type: 'array', items: { type: 'object', properties: {} } } } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        map: { type: 'object', additionalProperties: { type: 'object', properties: {} } },
      },
    };
    const value: JsonObject = {
      apiVersion: 'v1',
      kind: 'T',
      metadata: { name: 'n', odd: 1 },
      spec: { list: [{ x: 1 }], y: 1 },
      free: { z: { deep: 1 } },
      map: { k: { v: 1 } },
    };
    expect(prune(value, schema)).toEqual(['metadata.odd', 'spec.list[0].x', 'spec.y', 'map.k.v']);
    expect(value).toEqual({
      apiVersion: 'v1',
      kind: 'T',
      metadata: { name: 'n' },
      spec: { list: [{}] },
      free: { z: { deep: 1 } },
      map: { k: {} },
    });
  });
});
