import { type MeasureId, measureIds } from '../goals.ts';
import type { MeasureResult, Report } from './result.ts';

/** Three digits, as many as a measurement is worth; whole numbers whole. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(Math.min(digits, 6))).toLocaleString('en-US', { maximumFractionDigits: 6 });
}

/** The measures of a report, in their order. */
export const measuresOf = (report: Report): [MeasureId, MeasureResult][] =>
  measureIds.flatMap((id) => {
    const result = report.measures[id];
    return result ? [[id, result] as [MeasureId, MeasureResult]] : [];
  });

/** One line of the table of a measure. */
export interface Row {
  readonly name: string;
  readonly median: string;
  readonly range: string;
}

export const rowsOf = ({ peers, ratios, unit }: MeasureResult): Row[] => [
  ...Object.entries(peers).map(([name, s]) => ({
    name: s.unit === unit ? name : `${name} (${s.unit})`,
    median: figure(s.median),
    range: `${figure(s.min)}-${figure(s.max)}`,
  })),
  ...Object.entries(ratios).map(([name, s]) => ({
    name: `**${name}**`,
    median: `${figure(s.median)}x`,
    range: `${figure(s.min)}-${figure(s.max)}`,
  })),
];

/** "at most 2: met (1.66)". */
export const goalText = ({ value, most, least, hard, median, met }: MeasureResult['goals'][number]): string => {
  const limit = most === undefined ? `at least ${figure(least ?? 0)}` : `at most ${figure(most)}`;
  const verdict = median === undefined ? 'not measured' : `${met ? 'met' : 'missed'} (${figure(median)})`;
  return `${hard ? 'goal' : 'aim'}: ${value} ${limit}: ${verdict}`;
};
