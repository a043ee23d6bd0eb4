import { machinesOf, type MeshService } from '@tsgateway/model';
import type { DemoBackend } from '../demo-backends.ts';
import { Load, type LoadOptions, type LoadResult } from '../load.ts';
import { promisedShares } from '../target.ts';
import { RecentAnswers } from './recent-answers.ts';
import { DoesNotFit, type Scenario } from './step.ts';

const concurrency = 8;

/** Sends a fixed number of requests to the service. */
export async function fire(
  scenario: Scenario,
  options: { requests: number } & Partial<LoadOptions>,
): Promise<LoadResult> {
  const { requests, ...more } = options;
  scenario.signal.throwIfAborted();
  const load = loadOf(scenario, more);
  const cut = () => void load.stop();
  scenario.signal.addEventListener('abort', cut, { once: true });
  const result = await load.start(requests).finished();
  scenario.signal.removeEventListener('abort', cut);
  scenario.signal.throwIfAborted();
  return result;
}

/** Thousands of requests a second are load enough; without a pause this machine would have no time for what is measured. */
const underLoadPauseMs = 1;

/** Runs `during` with requests in flight, which stop with it, however it ends. */
export async function underLoad(
  scenario: Scenario,
  during: (recent: RecentAnswers, load: Load) => Promise<void>,
): Promise<LoadResult> {
  const recent = new RecentAnswers({ signal: scenario.signal });
  const load = loadOf(scenario, { onAnswer: recent.add, pauseMs: underLoadPauseMs }).start();
  try {
    await during(recent, load);
  } catch (error) {
    await load.stop();
    throw error;
  }
  return load.stop();
}

function loadOf({ stack, target }: Scenario, more: Partial<LoadOptions>): Load {
  return new Load({ origin: stack.gatewayUrl, path: target.path, host: target.host, concurrency, ...more });
}

/** The machines that get requests while those in `down` are unhealthy. @throws DoesNotFit where there are none */
export function servingMachines(service: MeshService, down: ReadonlySet<string> = new Set()): Set<string> {
  const serving = [...promisedShares(service, down)].filter(([id, share]) => share > 0 && !down.has(id));
  if (serving.length === 0) throw new DoesNotFit('no machine would be left to serve');
  return new Set(serving.map(([id]) => id));
}

/** The demo backends among the service's machines: the only ones that can be slowed down and killed. */
export function demosOf({ stack, target, service }: Scenario): DemoBackend[] {
  const ids = new Set(machinesOf(service).map((m) => m.id));
  return stack.backends.filter((b) => b.namespace === target.namespace && ids.has(b.id));
}

/** How many requests failed of what. */
export function tally(result: LoadResult): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const f of result.failures) counts[f.what] = (counts[f.what] ?? 0) + 1;
  return counts;
}
