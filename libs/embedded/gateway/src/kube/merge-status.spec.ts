import { describe, expect, it } from '@jest/globals';
import { mergeRoute, withTimes } from './merge-status.ts';

const before = '2026-01-01T00:00:00Z';
const now = '2026-02-02T00:00:00Z';
const wanted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'm', observedGeneration: 2 } as const;

describe('withTimes', () => {
  it('keeps the time of the last change of status, whatever else changes', () => {
    const stored = [{ type: 'Accepted', status: 'True', reason: 'Old', lastTransitionTime: before }];
    expect(withTimes(stored, [wanted], now)).toEqual([{ ...wanted, lastTransitionTime: before }]);
  });

  it('takes the present where the status changes or is new', () => {
    const stored = [{ type: 'Accepted', status: 'False', lastTransitionTime: before }];
    expect(withTimes(stored, [wanted], now)[0]?.lastTransitionTime).toBe(now);
    expect(withTimes(undefined, [wanted], now)[0]?.lastTransitionTime).toBe(now);
  });
});

describe('mergeRoute', () => {
  it("leaves other controllers' parents as they are, and drops its own that are gone", () => {
    const other = { parentRef: { name: 'x' }, controllerName: 'other', conditions: [] };
    const gone = { parentRef: { name: 'gone' }, controllerName: 'own', conditions: [] };
    const own = { parentRef: { name: 'edge' }, controllerName: 'own', conditions: [wanted] };
    expect(mergeRoute({ parents: [other, gone] }, { key: 'a/b', parents: [own] }, now)).toEqual({
      parents: [other, { ...own, conditions: [{ ...wanted, lastTransitionTime: now }] }],
    });
  });
});
