import { runScenario, type ServiceResult } from './scenario/scenario.ts';
import type { Stack } from './stack.ts';
import { nameOf, type Target } from './target.ts';

/** What `--once --json` prints. The README says what each figure means. */
export interface OnceResult {
  readonly ok: boolean;
  readonly dataPlane: { readonly kind: string; readonly detail: string };
  readonly startupMs: number;
  readonly scenarioMs: number;
  readonly services: readonly ServiceResult[];
}

export interface OnceOptions {
  readonly stack: Stack;
  readonly targets: readonly Target[];
  readonly requests: number;
  readonly startupMs: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** The scenario for one service after the other. @throws the signal's reason when it is aborted */
export async function runOnce(options: OnceOptions): Promise<OnceResult> {
  const { stack, requests, signal, progress } = options;
  const startedAt = performance.now();
  const services: ServiceResult[] = [];
  for (const target of options.targets) {
    progress(nameOf(target));
    services.push(
      await runScenario({
        stack,
        target,
        requests,
        signal,
        onStep: ({ ok, step, seen }) => progress(`  ${ok ? 'ok  ' : 'FAIL'} ${step}: ${seen}`),
        onSkip: ({ step, why }) => progress(`  skip ${step}: ${why}`),
      }),
    );
  }
  const { kind, detail } = stack.dataPlane;
  return {
    ok: services.length > 0 && services.every((s) => s.ok),
    dataPlane: { kind, detail },
    startupMs: options.startupMs,
    scenarioMs: Math.round(performance.now() - startedAt),
    services,
  };
}
