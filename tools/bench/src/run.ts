import { cpus, loadavg, release, totalmem } from 'node:os';
import { Bench } from './bench.ts';
import type { Experiment, Measure, Sample } from './experiment.ts';
import { experiments } from './experiments/all.ts';
import type { MeasureId } from './goals.ts';
import type { Options } from './options.ts';
import type { GoPrograms } from './peers/go.ts';
import { type MachineFacts, type MeasureResult, type Report, resultOf, without } from './report/result.ts';

export interface RunOptions extends Pick<Options, 'only' | 'repeats' | 'quick'> {
  readonly go: GoPrograms | undefined;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Measures what is asked for. One measure that fails does not cost the others. */
export async function runBench(options: RunOptions): Promise<Report> {
  const startedAt = new Date();
  const loadBefore = loadavg()[0] ?? 0;
  const results = new Map<MeasureId, MeasureResult>();
  const bench = new Bench(options);
  try {
    for (const experiment of experiments) {
      for (const [id, result] of await runExperiment(experiment, bench, options)) results.set(id, result);
    }
  } finally {
    await bench.close();
  }
  const statuses = [...results.values()].map((r) => r.status);
  return {
    machine: machineFacts(options.go, loadBefore),
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    ...{ quick: options.quick, repeats: options.repeats },
    ok: statuses.every((s) => s !== 'missed' && s !== 'failed'),
    complete: statuses.every((s) => s !== 'missing'),
    measures: Object.fromEntries(results),
  };
}

async function runExperiment(
  experiment: Experiment,
  bench: Bench,
  { only, repeats, go, say, signal }: RunOptions,
): Promise<(readonly [MeasureId, MeasureResult])[]> {
  const wanted = experiment.measures.filter((m) => only.has(m.id));
  if (wanted.length === 0) return [];
  const all = (result: (measure: Measure) => MeasureResult) => wanted.map((m) => [m.id, result(m)] as const);
  if (experiment.needsGo && !go) return all((m) => without(m, 'missing', 'Go is not installed: its client and peer'));
  say(wanted.map((m) => `${m.id} ${m.title}`).join(', '));
  try {
    const repeat = await experiment.start(bench);
    const samples: Sample[] = [];
    for (let i = 0; i < repeats; i++) {
      signal.throwIfAborted();
      samples.push(await repeat(i));
    }
    return all((m) => resultOf(m, samples));
  } catch (error) {
    signal.throwIfAborted();
    return all((m) => without(m, 'failed', error instanceof Error ? error.message : String(error)));
  }
}

function machineFacts(go: GoPrograms | undefined, loadBefore: number): MachineFacts {
  const load = (value: number) => Number(value.toFixed(2));
  return {
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    go: go?.version ?? 'no Go',
    load: [load(loadBefore), load(loadavg()[0] ?? 0)],
  };
}
