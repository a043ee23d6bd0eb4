import { DoesNotFit, percent, round, type Scenario, type Step } from './step.ts';
import { demosOf, fire, servingMachines } from './traffic.ts';

const usualMs = 5;
const slowMs = 50;
/** So that the slow one has some in flight nearly always. */
const concurrency = 24;

/** Least-connections only: a backend that is ten times slower gets less than a third of its even share. */
export async function slowBackend(scenario: Scenario): Promise<Step> {
  const { strategy } = scenario.service;
  if (strategy !== 'least-connections') throw new DoesNotFit(`${strategy} does not look at the load of backends`);
  const serving = servingMachines(scenario.service);
  const demos = demosOf(scenario).filter((b) => serving.has(b.id));
  const slow = demos[0];
  if (!slow || demos.length !== serving.size || serving.size < 2) {
    throw new DoesNotFit('it needs two or more backends, all of them demo backends');
  }
  for (const b of demos) b.slowDown(b === slow ? slowMs : usualMs);
  try {
    const result = await fire(scenario, { requests: scenario.requests, concurrency });
    const failed = result.failures.length;
    const evenShare = 1 / serving.size;
    const limit = evenShare / 3;
    const share = (result.byBackend.get(slow.id) ?? 0) / result.requests;
    return {
      step: 'slow-backend',
      ok: result.requests > 0 && failed === 0 && share < limit,
      seen: `${slow.id}, ${slowMs / usualMs} times slower, got ${percent(share)} (even: ${percent(evenShare)}, limit ${percent(limit)}), ${failed} of ${result.requests} requests failed`,
      backend: slow.id,
      share: round(share),
      evenShare: round(evenShare),
      limit: round(limit),
      requests: result.requests,
      failed,
    };
  } finally {
    for (const b of demos) b.slowDown(0);
  }
}
