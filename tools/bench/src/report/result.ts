import type { Measure, Sample } from '../experiment.ts';
import { type Goal, goals, isMet, type MeasureId } from '../goals.ts';
import { ratios, type Spread, spread } from '../statistics.ts';

export type Status =
  /** All goals and aims are met. */
  | 'met'
  /** All hard goals are met, an aim is not. */
  | 'behind'
  /** The median of a hard goal is not. */
  | 'missed'
  /** A call did not succeed, or a peer did not start: no figure is worth anything. */
  | 'failed'
  /** A peer cannot be had here. That is no pass. */
  | 'missing';

export interface MeasureResult extends Pick<Measure, 'title' | 'what' | 'unit' | 'n'> {
  readonly status: Status;
  /** Why it failed, or what is missing. */
  readonly reason?: string;
  /** By peer or other series. */
  readonly peers: Readonly<Record<string, Spread & { readonly unit: string }>>;
  /** `a / b`, each of one repeat. */
  readonly ratios: Readonly<Record<string, Spread>>;
  readonly goals: readonly (Goal & { readonly median?: number; readonly met: boolean })[];
}

export interface MachineFacts {
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly go: string;
  /** Over the last minute, before and after. */
  readonly load: readonly [before: number, after: number];
}

export interface Report {
  readonly machine: MachineFacts;
  readonly startedAt: string;
  readonly seconds: number;
  readonly quick: boolean;
  readonly repeats: number;
  /** No measure was missed or failed. */
  readonly ok: boolean;
  /** No measure is missing either. */
  readonly complete: boolean;
  readonly measures: Readonly<Partial<Record<MeasureId, MeasureResult>>>;
}

const about = ({ title, what, unit, n }: Measure) => ({ title, what, unit, n });

/** A measure that has no figures. */
export const without = (measure: Measure, status: 'failed' | 'missing', reason: string): MeasureResult => ({
  ...{ ...about(measure), status, reason, peers: {}, ratios: {} },
  goals: goals[measure.id].map((goal) => ({ ...goal, met: false })),
});

/** What the repeats of a measure say; it has failed where one of them has. */
export function resultOf(measure: Measure, samples: readonly Sample[]): MeasureResult {
  const columns = new Map<string, number[]>();
  for (const sample of samples) {
    const values = sample[measure.id];
    if (values === undefined) return without(measure, 'failed', 'was not measured');
    if (values instanceof Error) return without(measure, 'failed', values.message);
    for (const [series, value] of Object.entries(values)) {
      if (!Number.isFinite(value)) return without(measure, 'failed', `${series}: ${value} is no figure`);
      columns.set(series, [...(columns.get(series) ?? []), value]);
    }
  }
  const peers = Object.fromEntries(
    [...columns].map(([series, values]) => [
      series,
      { unit: measure.units?.[series] ?? measure.unit, ...spread(values) },
    ]),
  );
  const divided = Object.fromEntries(
    measure.ratios.map(([of, over]) => [`${of} / ${over}`, ratios(columns.get(of) ?? [], columns.get(over) ?? [])]),
  );
  const judged = goals[measure.id].map((goal) => {
    const median = (divided[goal.value] ?? peers[goal.value])?.median;
    return { ...goal, ...(median === undefined ? {} : { median }), met: median !== undefined && isMet(goal, median) };
  });
  const unmet = judged.filter((goal) => !goal.met);
  const status = unmet.some((goal) => goal.hard) ? 'missed' : unmet.length > 0 ? 'behind' : 'met';
  return { ...about(measure), status, peers, ratios: divided, goals: judged };
}
