import { describe, expect, it } from '@jest/globals';
import type { Measure } from '../experiment.ts';
import { goals, isMet } from '../goals.ts';
import { experiments } from '../experiments/all.ts';
import { resultOf, without } from './result.ts';

const measure: Measure = {
  ...{ id: 'P5', title: 'Large', what: 'a large call', unit: 'ms', n: '5 calls' },
  ratios: [['go', 'extension-server']],
};
const sample = (ours: number, go: number) => ({ P5: { 'extension-server': ours, go } });

describe('the result of a measure', () => {
  it('is judged by the median of the ratios of its repeats', () => {
    const met = resultOf(measure, [sample(10, 60), sample(20, 110), sample(10, 10)]);
    expect(met).toMatchObject({ status: 'met', ratios: { 'go / extension-server': { median: 5.5, min: 1, max: 6 } } });
    const missed = resultOf(measure, [sample(10, 60), sample(20, 98), sample(10, 10)]);
    expect(missed).toMatchObject({ status: 'missed', goals: [{ median: 4.9, met: false }] });
  });

  it('is behind where only an aim is not met', () => {
    const p6 = { ...measure, id: 'P6' as const };
    expect(resultOf(p6, [{ P6: { 'extension-server': 10, go: 9 } }]).status).toBe('behind');
    expect(resultOf(p6, [{ P6: { 'extension-server': 10, go: 11 } }]).status).toBe('met');
  });

  it('has failed where one call has, and is missing where a peer is: neither is a pass', () => {
    expect(resultOf(measure, [sample(1, 9), { P5: new Error('3 of 9 calls failed') }])).toMatchObject({
      ...{ status: 'failed', reason: '3 of 9 calls failed' },
    });
    expect(resultOf(measure, [{ P5: { go: 1 } }])).toMatchObject({ status: 'missed' });
    expect(resultOf(measure, [sample(Number.NaN, 1)]).status).toBe('failed');
    expect(without(measure, 'missing', 'no Go')).toMatchObject({ status: 'missing', goals: [{ met: false }] });
  });
});

describe('the goals', () => {
  const measures = experiments.flatMap((e) => e.measures);

  it('are of measures that exist, each measured once', () => {
    expect(measures.map((m) => m.id).sort()).toEqual(Object.keys(goals).sort());
  });

  it('are met by what is as good as they say', () => {
    const goal = { value: 'x', most: 2, hard: true };
    expect([1, 2, 2.01].map((v) => isMet(goal, v))).toEqual([true, true, false]);
    expect([99, 100].map((v) => isMet({ value: 'x', least: 100, hard: true }, v))).toEqual([false, true]);
  });
});
