import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../object.ts';
import { age, humanDuration } from './age.ts';
import { printerColumn } from './columns.ts';
import { parseJsonPath } from './json-path.ts';

const object: KubeObject = {
  apiVersion: 'v1',
  kind: 'T',
  metadata: { name: 'n', annotations: { 'a.b/c': 'x' }, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    n: 3,
    list: [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ],
    flag: true,
  },
};

describe('parseJsonPath', () => {
  it.each<[string, unknown[]]>([
    ['.spec.n', [3]],
    ['{.spec.n}', [3]],
    ['$.spec.list[1].k', ['b']],
    ['.spec.list[*].v', [1, 2]],
    ['.spec.list[?(@.k=="b")].v', [2]],
    [".metadata.annotations['a.b/c']", ['x']],
    ['.metadata.annotations.a\\.b/c', ['x']],
    ['.spec.none.deeper', []],
  ])('%s', (path, expected) => {
    expect(parseJsonPath(path)(object)).toEqual(expected);
  });

  it('refuses what it does not know', () => {
    expect(() => parseJsonPath('.spec..n')).toThrow('unsupported JSONPath');
  });
});

describe('printerColumn', () => {
  it('prints by type, and nothing where the type does not fit', () => {
    const cell = (type: string, jsonPath: string) =>
      printerColumn({ name: 'C', type, jsonPath }).cell(object, Date.parse('2026-01-01T00:05:00Z'));
    expect(cell('integer', '.spec.n')).toBe(3);
    expect(cell('boolean', '.spec.flag')).toBe(true);
    expect(cell('string', '.spec.list')).toBe('[{"k":"a","v":1},{"k":"b","v":2}]');
    expect(cell('date', '.metadata.creationTimestamp')).toBe('5m');
    expect(cell('integer', '.spec.flag')).toBeNull();
    expect(cell('string', '.spec.none')).toBeNull();
  });
});

describe('ages', () => {
  const [s, m, h, d] = [1000, 60_000, 3_600_000, 86_400_000];
  it.each([
    [5 * s, '5s'],
    [119 * s, '119s'],
    [3 * m + 20 * s, '3m20s'],
    [50 * m, '50m'],
    [4 * h + 5 * m, '4h5m'],
    [20 * h, '20h'],
    [2 * d + 3 * h, '2d3h'],
    [90 * d, '90d'],
    [3 * 365 * d + 10 * d, '3y10d'],
  ])('%d ms is %s', (ms, expected) => {
    expect(humanDuration(ms)).toBe(expected);
  });

  it('knows no age without a time', () => {
    expect(age(undefined, 0)).toBe('<unknown>');
  });
});
