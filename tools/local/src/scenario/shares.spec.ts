import { describe, expect, it } from '@jest/globals';
import { sharesOf } from './shares.ts';

describe('sharesOf', () => {
  it('sets what each machine got against what it was promised, strangers included', () => {
    const promised = new Map([
      ['a', 0.75],
      ['b', 0.25],
    ]);
    const byBackend = new Map([
      ['a', 8],
      ['?', 2],
    ]);
    expect(sharesOf({ promised, byBackend, answered: 10 })).toEqual([
      { machine: 'a', promised: 0.75, got: 0.8, requests: 8 },
      { machine: 'b', promised: 0.25, got: 0, requests: 0 },
      { machine: '?', promised: 0, got: 0.2, requests: 2 },
    ]);
  });

  it('has shares of 0 where nobody answered', () => {
    expect(sharesOf({ promised: new Map([['a', 1]]), byBackend: new Map(), answered: 0 })).toEqual([
      { machine: 'a', promised: 1, got: 0, requests: 0 },
    ]);
  });
});
