import { readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { compileSelector } from './selector.ts';
import type { Labels, LabelSelector, Selector } from './selector.ts';

interface Vector {
  readonly selector: LabelSelector;
  readonly refused?: readonly string[];
  readonly labels?: readonly Labels[];
  readonly matches?: readonly boolean[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../testdata/vectors.json', import.meta.url), 'utf8'),
) as readonly Vector[];

const compiled = (selector: LabelSelector): Selector => {
  const result = compileSelector(selector);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.selector;
};
const errorsOf = (selector: LabelSelector, path?: string) => {
  const result = compileSelector(selector, path);
  return result.ok ? [] : result.errors;
};

describe('compileSelector against the verdicts of apimachinery', () => {
  const valid = vectors.filter((v) => v.refused === undefined);
  const invalid = vectors.filter((v) => v.refused !== undefined);

  it('has enough vectors of each sort', () => {
    expect([vectors.length, valid.length > 500, invalid.length > 200]).toEqual([1000, true, true]);
  });

  it('refuses what it refuses, at the same fields', () => {
    for (const { selector, refused } of invalid) {
      // apimachinery names no key of matchLabels.
      const paths = errorsOf(selector).map((e) => e.path.replace(/(\.matchLabels)\[[^]*$/, '$1'));
      expect({ selector, paths: [...new Set(paths)].sort() }).toEqual({ selector, paths: refused });
    }
  });

  it('accepts what it accepts, and matches the same labels', () => {
    for (const { selector, labels = [], matches } of valid) {
      const mine = compiled(selector);
      expect({ selector, matches: labels.map((l) => mine.matches(l)) }).toEqual({ selector, matches });
    }
  });
});

describe('compileSelector', () => {
  it('matches everything if it is empty', () => {
    expect(compiled({}).matches({})).toBe(true);
    expect(compiled({ matchLabels: {}, matchExpressions: [] }).matches({ app: 'a' })).toBe(true);
  });

  it('tells an empty label from a missing one', () => {
    const empty = compiled({ matchExpressions: [{ key: 'app', operator: 'In', values: [''] }] });
    expect([empty.matches({ app: '' }), empty.matches({}), empty.matches({ app: 'a' })]).toEqual([true, false, false]);
    const notA = compiled({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] });
    expect([notA.matches({ app: '' }), notA.matches({}), notA.matches({ app: 'a' })]).toEqual([true, true, false]);
  });

  it('finds no labels in the prototype of an object', () => {
    expect(compiled({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }).matches({})).toBe(false);
  });

  it('names every wrong field, and how to mend it', () => {
    expect(
      errorsOf({
        matchLabels: { 'my key': 'x', app: '-x' },
        matchExpressions: [
          { key: 'app', operator: 'In', values: ['a'] },
          { key: 'app', operator: 'In' },
          { key: 'a/b/c', operator: 'Exists', values: ['a'] },
          { key: 'app', operator: 'Gt', values: ['a', 'b c'] },
        ],
      }),
    ).toEqual([
      {
        path: 'spec.selector.matchLabels[my key]',
        message: `the key "my key" has a character where it may not be: use letters, digits, '-', '_' and '.', with a letter or digit at both ends`,
      },
      {
        path: 'spec.selector.matchLabels[app]',
        message: `the value "-x" has a character where it may not be: use letters, digits, '-', '_' and '.', with a letter or digit at both ends`,
      },
      {
        path: 'spec.selector.matchExpressions[1].values',
        message: 'In needs at least one value: add one, or use Exists for any value',
      },
      {
        path: 'spec.selector.matchExpressions[2].key',
        message: `"a/b/c" has more than one '/': use "name" or "prefix.example.com/name"`,
      },
      {
        path: 'spec.selector.matchExpressions[2].values',
        message: 'Exists takes no values: remove them, or use In',
      },
      {
        path: 'spec.selector.matchExpressions[3].operator',
        message: '"Gt" is no operator: use In, NotIn, Exists or DoesNotExist',
      },
      {
        path: 'spec.selector.matchExpressions[3].values[1]',
        message: `"b c" has a character where it may not be: use letters, digits, '-', '_' and '.', with a letter or digit at both ends`,
      },
    ]);
  });

  it('says where the selector stands, and never repeats a whole novel', () => {
    const [error] = errorsOf({ matchLabels: { ['k'.repeat(10_000)]: '' } }, 'spec.podSelector');
    expect(error?.path).toMatch(/^spec\.podSelector\.matchLabels\[k+\.\.\.\]$/);
    expect((error?.path.length ?? 0) + (error?.message.length ?? 0)).toBeLessThan(400);
  });
});
