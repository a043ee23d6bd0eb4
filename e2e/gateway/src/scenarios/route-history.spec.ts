import { describe, expect, it } from '@jest/globals';
import { type Answer, RouteHistory } from './route-history.ts';

const rule = (path: string, service: string) => ({ path, shares: [{ service, weight: 1 }] });

/** Version 0 from 0 ms, version 1 from 1,000 ms. */
function history(): RouteHistory {
  const made = new RouteHistory();
  made.begin([rule('/a', 'one'), rule('/b', 'two')], 0);
  made.written(5);
  made.begin([rule('/c', 'three'), rule('/a', 'one')], 1_000);
  made.written(1_005);
  return made;
}

const answer = (given: Partial<Answer>): Answer => ({
  ...{ path: '/a', startedAt: 2_000, endedAt: 2_010, status: '200', backend: 'one', version: 1 },
  ...given,
});

describe('RouteHistory', () => {
  it('accepts what the version that answered names', () => {
    expect(history().objection(answer({}), 0)).toBeUndefined();
    expect(history().objection(answer({ path: '/b', backend: 'two', version: 0 }), 0)).toBeUndefined();
  });

  it('objects to the backend that the rule at the same place had in another version', () => {
    expect(history().objection(answer({ path: '/a', backend: 'two' }), 10_000)).toBe(
      '/a answered by two, while version 1 names one',
    );
    expect(history().objection(answer({ path: '/c', backend: 'one' }), 10_000)).toContain('names three');
    expect(history().objection(answer({ path: '/b', backend: 'two' }), 10_000)).toContain('names nobody');
  });

  it('objects to an answer by no version, or one that is yet to come', () => {
    expect(history().objection(answer({ version: undefined }), 0)).toContain('undefined');
    expect(history().objection(answer({ startedAt: 900, endedAt: 990 }), 0)).toContain('not written');
  });

  it('accepts a 404 only while a version without the path may have been in force', () => {
    const missing = { status: '404', backend: '?', version: undefined };
    expect(history().objection(answer({ ...missing, path: '/b' }), 0)).toBeUndefined();
    expect(history().objection(answer({ ...missing, path: '/c' }), 0)).toContain('404 for /c');
    expect(history().objection(answer({ ...missing, path: '/c' }), 1_000)).toBeUndefined();
  });

  it('says how old the version was', () => {
    expect(history().stalenessOf(answer({}))).toBe(0);
    expect(history().stalenessOf(answer({ version: 0 }))).toBe(995);
  });
});
