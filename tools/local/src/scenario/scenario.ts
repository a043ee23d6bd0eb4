import { nameOf, serviceOf } from '../target.ts';
import { changeStrategy } from './change-strategy.ts';
import { killAndReturn } from './kill-and-return.ts';
import { relabel } from './relabel.ts';
import { measureShares } from './shares.ts';
import { slowBackend } from './slow-backend.ts';
import { DoesNotFit, type Scenario, type Skipped, type Step } from './step.ts';

export interface ServiceResult {
  /** `namespace/name` */
  readonly service: string;
  readonly strategy: string;
  /** All steps are. */
  readonly ok: boolean;
  readonly steps: readonly Step[];
  readonly skipped: readonly Skipped[];
}

export interface ScenarioOptions extends Omit<Scenario, 'service'> {
  /** Told of each step as it ends. */
  readonly onStep: (step: Step) => void;
  readonly onSkip: (skipped: Skipped) => void;
}

type Act = (scenario: Scenario) => Promise<Step[]>;

/** In order, by the name under which they are skipped. */
const acts: Readonly<Record<string, Act>> = {
  shares: async (scenario) => [await measureShares(scenario, { step: 'shares', down: new Set() })],
  'slow-backend': async (scenario) => [await slowBackend(scenario)],
  'strategy-change': async (scenario) => [await changeStrategy(scenario)],
  relabel: async (scenario) => [await relabel(scenario)],
  'kill, return': killAndReturn,
};

/**
 * Runs every step that fits the service. A step that fails is the last: what follows would mean nothing.
 * @throws the signal's reason when it is aborted
 */
export async function runScenario(options: ScenarioOptions): Promise<ServiceResult> {
  const { onStep, onSkip, ...rest } = options;
  const service = await serviceOf(options.stack, options.target);
  const scenario = { ...rest, service };
  const steps: Step[] = [];
  const skipped: Skipped[] = [];
  const skip = (step: string, why: string) => {
    skipped.push({ step, why });
    onSkip({ step, why });
  };
  for (const [name, act] of Object.entries(acts)) {
    const failed = steps.find((s) => !s.ok);
    if (failed) {
      skip(name, `after ${failed.step} failed`);
      continue;
    }
    try {
      for (const step of await act(scenario)) {
        steps.push(step);
        onStep(step);
      }
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof DoesNotFit) {
        skip(name, error.message);
      } else {
        const step = { step: name, ok: false, seen: error instanceof Error ? error.message : String(error) };
        steps.push(step);
        onStep(step);
      }
    }
  }
  return {
    service: nameOf(options.target),
    strategy: service.strategy,
    ok: steps.length > 0 && steps.every((s) => s.ok),
    steps,
    skipped,
  };
}
