import { promisedShares } from '../target.ts';
import { percent, round, type Scenario, type Step } from './step.ts';
import { fire } from './traffic.ts';

/** How far a share may be from what the strategy promises. */
const tolerance = 0.01;
/** Least-connections picks among equals at random: only a slow backend shows the strategy. */
const looseTolerance = 0.15;

/** A fixed number of requests: each machine's share against what the strategy promises while those in `down` are. */
export async function measureShares(
  scenario: Scenario,
  what: { step: string; down: ReadonlySet<string> },
): Promise<Step> {
  const { service } = scenario;
  const result = await fire(scenario, { requests: scenario.requests });
  const failed = result.failures.length;
  const answered = result.requests - failed;
  const shares = sharesOf({ promised: promisedShares(service, what.down), byBackend: result.byBackend, answered });
  const maxDeviation = Math.max(...shares.map((s) => Math.abs(s.promised - s.got)));
  const allowed = service.strategy === 'least-connections' ? looseTolerance : tolerance;
  const table = shares.map((s) => `${s.machine} ${percent(s.got)} (promised ${percent(s.promised)})`).join(', ');
  return {
    step: what.step,
    ok: answered > 0 && failed === 0 && maxDeviation <= allowed,
    seen: `${result.requests} requests, ${failed} failed: ${table}`,
    requests: result.requests,
    failed,
    shares: shares.map((s) => ({ ...s, promised: round(s.promised), got: round(s.got) })),
    maxDeviation: round(maxDeviation),
    tolerance: allowed,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
  };
}

export interface Share {
  readonly machine: string;
  /** Of 1. */
  readonly promised: number;
  /** Of 1, of all answers. */
  readonly got: number;
  readonly requests: number;
}

/** Every machine that was promised something or answered, and `?` for answers of nobody. */
export function sharesOf(seen: {
  promised: ReadonlyMap<string, number>;
  byBackend: ReadonlyMap<string, number>;
  answered: number;
}): Share[] {
  const machines = new Set([...seen.promised.keys(), ...seen.byBackend.keys()]);
  return [...machines].map((machine) => {
    const requests = seen.byBackend.get(machine) ?? 0;
    const got = seen.answered === 0 ? 0 : requests / seen.answered;
    return { machine, promised: seen.promised.get(machine) ?? 0, got, requests };
  });
}
