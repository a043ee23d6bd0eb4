import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../testing/fake-clock.ts';
import { HealthFreshness } from './health-freshness.ts';

function setup() {
  const clock = new FakeClock();
  const told: boolean[] = [];
  return { clock, told, freshness: new HealthFreshness(clock, (fresh) => told.push(fresh)) };
}

describe('HealthFreshness', () => {
  it('is stale once a checker has been away for 15 s, whatever the others do, and fresh as soon as all are there', () => {
    const { clock, told, freshness } = setup();
    freshness.set(2, 2);
    freshness.set(1, 2);
    clock.advance(10_000);
    freshness.set(0, 2);
    freshness.set(1, 2);
    clock.advance(4_999);
    expect(told).toEqual([]);
    clock.advance(1);
    expect([told, freshness.fresh]).toEqual([[false], false]);
    freshness.set(2, 2);
    expect(told).toEqual([false, true]);
  });

  it('does not mind one that is back, or out of the model, in time; nor a model without checkers', () => {
    const { clock, told, freshness } = setup();
    freshness.set(0, 1);
    clock.advance(14_000);
    freshness.set(1, 1);
    freshness.set(1, 2);
    clock.advance(14_000);
    freshness.set(1, 1);
    freshness.set(0, 0);
    clock.advance(60_000);
    expect(told).toEqual([]);
  });
});
