import { describe, expect, it } from '@jest/globals';
import { hash16, hash8 } from './hash.ts';

// Test vectors of FNV-1a 64 (http://www.isthe.com/chongo/tech/comp/fnv/).
it.each([
  ['', 'cbf29ce484222325'],
  ['a', 'af63dc4c8601ec8c'],
  ['foobar', '85944171f73967e8'],
])('the hash of %j is %s', (text, hash) => {
  expect(hash16(new TextEncoder().encode(text))).toBe(hash);
});

describe('hash8', () => {
  it('is the first half', () => {
    expect(hash8(new TextEncoder().encode('foobar'))).toBe('85944171');
  });
});
