import { describe, expect, it } from '@jest/globals';
import { intersectHostnames } from './hostname.ts';

describe('intersectHostnames', () => {
  it.each([
    [undefined, undefined, ['*']],
    ['a.test', undefined, ['a.test']],
    [undefined, ['A.test', '*.b.test'], ['a.test', '*.b.test']],
    ['*.a.test', ['x.a.test', 'x.y.a.test', 'a.test', 'x.b.test'], ['x.a.test', 'x.y.a.test']],
    ['x.a.test', ['*.a.test'], ['x.a.test']],
    ['*.x.a.test', ['*.a.test'], ['*.x.a.test']],
    ['a.test', ['*.a.test'], []],
    ['*.a.test', ['*.a.test'], ['*.a.test']],
  ])('%s and %j', (listener, route, expected) => {
    expect(intersectHostnames(listener, route)).toEqual(expected);
  });
});
