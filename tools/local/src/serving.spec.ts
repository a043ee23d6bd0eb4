import { describe, expect, it } from '@jest/globals';
import { whyRefused, whyUnready } from './serving.ts';

const condition = (type: string, status: string, more: object = {}) => ({ type, status, ...more });

describe('whyUnready', () => {
  it.each([
    ['no condition', [], 'the operator has not looked at it yet'],
    ['Ready', [condition('Ready', 'True')], undefined],
    [
      'Ready False',
      [condition('Accepted', 'True'), condition('Ready', 'False', { reason: 'NoBackends', message: 'None.' })],
      'not Ready: NoBackends: None.',
    ],
    ['Ready without a message', [condition('Ready', 'Unknown', { reason: 'Pending' })], 'not Ready: Pending'],
  ])('%s', (_what, conditions, why) => {
    expect(whyUnready(conditions)).toBe(why);
  });
});

describe('whyRefused', () => {
  it.each([
    ['nobody took it', [], /no Gateway has taken it/],
    [
      'a backend is missing',
      [
        {
          conditions: [
            condition('Accepted', 'True'),
            condition('ResolvedRefs', 'False', { reason: 'BackendNotFound' }),
          ],
        },
      ],
      /^ResolvedRefs is False: BackendNotFound$/,
    ],
  ])('%s', (_what, parents, why) => {
    expect(whyRefused(parents)).toMatch(why);
  });

  it('has nothing to say about a route that is served', () => {
    expect(whyRefused([{ conditions: [condition('Accepted', 'True')] }])).toBeUndefined();
  });
});
