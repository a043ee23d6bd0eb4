import { describe, expect, it } from '@jest/globals';
import { randomFrom } from './random.ts';
import { anyEdit, type Rule, type RuleSource } from './route-edits.ts';

const source = (seed: number): RuleSource => ({
  random: randomFrom(seed),
  paths: ['/a', '/b', '/c', '/d'],
  services: ['one', 'two', 'three', 'four'],
});

function run(seed: number): (readonly Rule[])[] {
  const from = source(seed);
  const versions: (readonly Rule[])[] = [[{ path: '/a', shares: [{ service: 'one', weight: 1 }] }]];
  for (let i = 0; i < 300; i++) versions.push(anyEdit(versions.at(-1) ?? [], from));
  return versions;
}

describe('anyEdit', () => {
  it('makes the same routes of the same seed, and others of another', () => {
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('keeps a rule at least, no path twice, no service twice in a rule, and no weight of 0', () => {
    for (const rules of run(3)) {
      expect(rules.length).toBeGreaterThan(0);
      expect(new Set(rules.map((rule) => rule.path)).size).toBe(rules.length);
      for (const { shares } of rules) {
        expect(new Set(shares.map((share) => share.service)).size).toBe(shares.length);
        expect(Math.min(...shares.map((share) => share.weight))).toBeGreaterThan(0);
      }
    }
  });

  it('gets to routes of one rule and of all paths', () => {
    expect(new Set(run(4).map((rules) => rules.length))).toEqual(new Set([1, 2, 3, 4]));
  });
});
