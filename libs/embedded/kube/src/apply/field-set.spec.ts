import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  difference,
  emptySet,
  equalSets,
  fromFieldsV1,
  insert,
  intersection,
  isEmpty,
  printedPaths,
  toFieldsV1,
  union,
} from './field-set.ts';
import type { FieldSet } from './field-set.ts';

const element = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:"y"', 'i:0');
const sets: fc.Arbitrary<FieldSet> = fc.array(fc.array(element, { minLength: 1, maxLength: 3 })).map((paths) => {
  const set = emptySet();
  for (const path of paths) insert(set, path);
  return set;
});

describe('field sets, laws', () => {
  it('FieldsV1 and back is the same set', () => {
    fc.assert(fc.property(sets, (a) => equalSets(fromFieldsV1(toFieldsV1(a)), a)));
  });

  it('a = (a - b) + (a & b), and (a - b) & b is empty', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        expect(equalSets(union(difference(a, b), intersection(a, b)), a)).toBe(true);
        expect(isEmpty(intersection(difference(a, b), b))).toBe(true);
      }),
    );
  });
});

describe('printedPaths', () => {
  it('prints fields, keys and values as the API server does', () => {
    const set = emptySet();
    insert(set, ['f:spec', 'f:ports', 'k:{"port":1,"protocol":"TCP"}', 'f:name']);
    insert(set, ['f:spec', 'f:tags', 'v:"a"']);
    expect(printedPaths(set)).toEqual(['.spec.ports[port=1,protocol="TCP"].name', '.spec.tags[="a"]']);
  });
});
