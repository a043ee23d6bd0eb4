import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { listOf } from './collection.ts';
import { withRules } from './rule.ts';
import { structuralSchema } from './structural-schema.ts';
import { text } from './text.ts';

describe('structuralSchema', () => {
  it('fills the defaults inside a default', () => {
    const inner = z.object({ a: z.boolean().default(true), b: z.object({ c: text(1).default('x') }).prefault({}) });
    const schema = structuralSchema(z.object({ inner: inner.prefault({}) }), 'spec');
    expect(schema.properties?.['inner']?.default).toEqual({ a: true, b: { c: 'x' } });
  });

  it('does not require what has a default', () => {
    const schema = z.object({
      a: text(1),
      b: text(1).default(''),
      c: text(1).optional(),
      d: z.object({}).prefault({}),
    });
    expect(structuralSchema(schema, 'spec').required).toEqual(['a']);
  });

  it('keeps the rules of a schema that gets more', () => {
    const rule = (cel: string) => ({ cel, message: cel, holds: () => true });
    const schema = withRules(withRules(text(1), [rule('a')]), [rule('b')]).describe('text');
    expect(structuralSchema(schema, 'spec')['x-kubernetes-validations']).toEqual([
      { rule: 'a', message: 'a' },
      { rule: 'b', message: 'b' },
    ]);
  });

  it.each([
    ['a union', z.union([text(1), z.boolean()]), 'anyOf'],
    ['an intersection', z.intersection(text(1), text(2)), 'allOf'],
    ['a nullable', text(1).nullable(), 'nullable'],
    ['a string without a maximum', z.string(), 'has no maximum'],
    ['a list without a maximum', z.array(z.boolean()), 'has no maximum'],
    ['a map without a maximum', z.record(z.string(), z.boolean()), 'has no maximum'],
  ])('refuses %s and says where', (_, field, what) => {
    const schema = z.object({ list: listOf(z.object({ field }), { max: 1 }) });
    expect(() => structuralSchema(schema, 'spec')).toThrow(what);
    expect(() => structuralSchema(schema, 'spec')).toThrow(/^spec\.list\[\]\.field: /);
  });
});
