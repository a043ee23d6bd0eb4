import { describe, expect, it } from '@jest/globals';
import type { Schema, ValidationRule } from '../schema/schema.ts';
import { RuleSet, ruleErrors } from './rules.ts';
import { escapedName } from './values.ts';

const text: Schema = { type: 'string' };
const whole: Schema = { type: 'integer' };
const properties: Record<string, Schema> = {
  s: text,
  n: whole,
  x: { type: 'number' },
  list: { type: 'array', items: text },
  numbers: { type: 'array', items: whole },
  map: { type: 'object', additionalProperties: text },
  at: { type: 'string', format: 'date-time' },
  for: { type: 'string', format: 'duration' },
  'dashed-name': text,
  namespace: text,
  port: { 'x-kubernetes-int-or-string': true },
};
const check = (rule: string | ValidationRule, value: unknown, old?: unknown): string[] => {
  const rules = [typeof rule === 'string' ? { rule, message: 'no' } : rule];
  return new RuleSet({ type: 'object', properties, 'x-kubernetes-validations': rules })
    .check(value, old)
    .map((e) => `${e.field}: ${e.message}`);
};
const holds = (rule: string, value: unknown): boolean => check(rule, value).length === 0;

describe('rules', () => {
  it.each<[string, unknown]>([
    ['self.n + 1 == 3', { n: 2 }],
    ['self.x < 3', { x: 2.5 }],
    ["has(self.s) && self.s.startsWith('a') && self.s.matches('^a.c$')", { s: 'abc' }],
    ["self.list.all(i, i.size() < 3) && 'b' in self.list", { list: ['a', 'b'] }],
    ["self.list.exists_one(i, i == 'b')", { list: ['a', 'b'] }],
    ["self.list.filter(i, i != 'b').map(i, i + 'x') == ['ax']", { list: ['a', 'b'] }],
    ["'k' in self.map && self.map['k'] == 'v' && self.map.size() == 1", { map: { k: 'v' } }],
    ["self.at > timestamp('2026-01-01T00:00:00Z')", { at: '2026-01-02T00:00:00Z' }],
    ["self.__for__ <= duration('1m') && self.__for__ > duration('500ms')", { for: '30s' }],
    ["self.dashed__dash__name == 'x'", { 'dashed-name': 'x' }],
    ["self.__namespace__ == 'x'", { namespace: 'x' }],
    ["type(self.port) == int ? self.port < 10 : self.port == 'http'", { port: 5 }],
    ["type(self.port) == int ? self.port < 10 : self.port == 'http'", { port: 'http' }],
    [
      'self.numbers.isSorted() && self.numbers.sum() == 6 && self.numbers.min() == 1 && self.numbers.max() == 3',
      { numbers: [1, 2, 3] },
    ],
    ["self.list.indexOf('b') == 1 && self.list.lastIndexOf('z') == -1", { list: ['a', 'b'] }],
    ["self.s.find('[0-9]+') == '12' && self.s.findAll('[0-9]+').size() == 2", { s: 'a12b3' }],
    ['isURL(self.s)', { s: 'https://a.b/c' }],
    [
      "self.s.lowerAscii() == 'abc' && self.s.split('B').size() == 2 && self.s.replace('B', 'x') == 'AxC'",
      { s: 'ABC' },
    ],
    ['!has(self.s)', { s: null }],
  ])('%s holds for %j', (rule, value) => {
    expect(holds(rule, value)).toBe(true);
  });

  it('tells a rule that fails, with its message, path and reason', () => {
    expect(check('self.n > 3', { n: 1 })).toEqual(['<nil>: Invalid value: "object": no']);
    expect(
      check(
        {
          rule: 'self.n > 3',
          messageExpression: "'n is ' + string(self.n)",
          fieldPath: '.n',
          reason: 'FieldValueForbidden',
        },
        { n: 1 },
      ),
    ).toEqual(['n: Forbidden: n is 1']);
    expect(check({ rule: 'self.n > 3' }, { n: 1 })).toEqual([
      '<nil>: Invalid value: "object": failed rule: self.n > 3',
    ]);
  });

  it('tells an expression that cannot be evaluated', () => {
    const [told] = check('self.map["none"] == "x"', { map: {} });
    expect(told).toContain('evaluating rule: no');
  });

  it('holds transition rules on updates only', () => {
    const rule = 'self.n >= oldSelf.n';
    expect(check(rule, { n: 1 })).toEqual([]);
    expect(check(rule, { n: 1 }, { n: 2 })).toHaveLength(1);
    expect(check(rule, { n: 3 }, { n: 2 })).toEqual([]);
  });

  it('does not ask again about an unchanged value', () => {
    expect(check('self.n > 3', { n: 1 }, { n: 1 })).toEqual([]);
  });

  it('finds the old item of a list map by its key', () => {
    const schema: Schema = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: {
        type: 'object',
        properties: { k: text, n: whole },
        'x-kubernetes-validations': [{ rule: 'self.n >= oldSelf.n', message: 'no' }],
      },
    };
    const old = [
      { k: 'a', n: 5 },
      { k: 'b', n: 1 },
    ];
    expect(
      new RuleSet(schema)
        .check(
          [
            { k: 'b', n: 2 },
            { k: 'a', n: 4 },
          ],
          old,
        )
        .map((e) => e.field),
    ).toEqual(['[1]']);
  });

  it('tells rules that do not compile, with their place', () => {
    const schema: Schema = {
      type: 'object',
      properties: { a: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.' }] } },
    };
    expect(ruleErrors(schema, 'p').map((e) => e.field)).toEqual(['p.properties[a].x-kubernetes-validations[0].rule']);
  });
});

describe('escapedName', () => {
  it.each([
    ['plain', 'plain'],
    ['a-b', 'a__dash__b'],
    ['a.b/c', 'a__dot__b__slash__c'],
    ['a__b', 'a__underscores__b'],
    ['namespace', '__namespace__'],
  ])('%s is %s', (name, expected) => {
    expect(escapedName(name)).toBe(expected);
  });
});
