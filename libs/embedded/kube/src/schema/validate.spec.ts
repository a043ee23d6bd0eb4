import { describe, expect, it } from '@jest/globals';
import { formats } from './formats.ts';
import { ratchet } from './ratchet.ts';
import type { Schema } from './schema.ts';
import { fieldOf, validate } from './validate.ts';

const told = (value: unknown, schema: Schema): string[] =>
  validate(value, schema, ['v']).map((e) => `${e.field}: ${e.message}`);

describe('validate', () => {
  it.each<[unknown, Schema, string[]]>([
    [3, { type: 'number', maximum: 2.5 }, ['v: Invalid value: 3: v in body should be less than or equal to 2']],
    [
      2.6,
      { type: 'number', maximum: 2.5, exclusiveMaximum: true },
      ['v: Invalid value: 2.6: v in body should be less than 2.5'],
    ],
    [3, { type: 'integer', multipleOf: 2 }, ['v: Invalid value: 3: v in body should be a multiple of 2']],
    [1.5, { type: 'integer' }, ['v: Invalid value: "number": v in body must be of type integer: "number"']],
    [{}, { type: 'object', minProperties: 1 }, ['v: Invalid value: 0: v in body should have at least 1 properties']],
    [{ a: 1 }, { type: 'object', maxProperties: 0 }, ['v: Too many: 1: must have at most 0 items']],
    [[], { type: 'array', minItems: 1 }, ['v: Invalid value: 0: v in body should have at least 1 items']],
    ['x', { type: 'string', format: 'date-time' }, ['v: Invalid value: "x": v in body must be of type date-time: "x"']],
    ['😀', { type: 'string', maxLength: 1 }, []],
    [null, { type: 'string', nullable: true }, []],
    [null, { type: 'string' }, ['v: Invalid value: "null": v in body must be of type string: "null"']],
    [
      { k: 'long' },
      { type: 'object', additionalProperties: { type: 'string', maxLength: 3 } },
      ['v.k: Too long: may not be more than 3 bytes'],
    ],
  ])('%j against %j', (value, schema, expected) => {
    expect(told(value, schema)).toEqual(expected);
  });

  it('tells what alternatives miss', () => {
    const schema: Schema = { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] };
    expect(told({}, schema)).toEqual([
      '<nil>: Invalid value: "": "v" must validate one and only one schema (oneOf). Found none valid',
      'v.a: Required value',
    ]);
    expect(told({ a: 1, b: 1 }, schema)).toEqual([
      '<nil>: Invalid value: "": "v" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ]);
    expect(told({ a: 1 }, schema)).toEqual([]);
  });

  it('prints paths', () => {
    expect(fieldOf(['spec', 'ports', 0, 'port'])).toBe('spec.ports[0].port');
    expect(fieldOf(['spec', '[key]'])).toBe('spec[key]');
  });
});

describe('ratchet', () => {
  const schema: Schema = {
    type: 'object',
    properties: { a: { type: 'string', maxLength: 1 }, b: { type: 'string', maxLength: 1 } },
  };

  it('forgives what the update did not touch', () => {
    const old = { a: 'long', b: 'x' };
    const next = { a: 'long', b: 'also long' };
    const left = ratchet(validate(next, schema), { old, new: next, schema });
    expect(left.map((e) => e.field)).toEqual(['b']);
  });
});

describe('formats', () => {
  it.each([
    ['date-time', '2026-01-01T00:00:00Z', true],
    ['date-time', '2026-01-01T00:00:00.123+01:00', true],
    ['date-time', '2026-13-01T00:00:00Z', false],
    ['duration', '1m30s', true],
    ['duration', '1x', false],
    ['ipv4', '10.0.0.1', true],
    ['cidr', '10.0.0.0/33', false],
    ['uuid', '123e4567-e89b-12d3-a456-426614174000', true],
  ])('%s %s: %s', (format, value, expected) => {
    expect(formats[format]?.(value)).toBe(expected);
  });
});
