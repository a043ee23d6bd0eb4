import type { CurrentAfter } from './currency.ts';

/** What a fault cost. */
export interface FaultRow {
  readonly fault: string;
  readonly requests: number;
  readonly failed: number;
  readonly p99Ms: number;
  /** From the moment when what was away came back, or was changed, to the moment when all proxies have all changes. */
  readonly current: CurrentAfter;
  /** What else is worth reading: which failures were expected, what was seen meanwhile. */
  readonly note?: string;
}

const head = ['fault', 'requests', 'failed', 'p99 ms', 'endpoints current s', 'routes current s', ''];

/** A Markdown table. */
export function faultTable(rows: readonly FaultRow[]): string {
  const cells = rows.map(({ fault, requests, failed, p99Ms, current, note = '' }) => [
    ...[fault, requests, failed, Math.round(p99Ms)].map(String),
    ...[current.endpointsMs, current.routesMs].map((ms) => (ms / 1000).toFixed(1)),
    note,
  ]);
  const width = head.map((_, i) => Math.max(...[head, ...cells].map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(width[i] ?? 0)).join(' | ')} |`;
  return [line(head), `|${width.map((w) => '-'.repeat(w + 2)).join('|')}|`, ...cells.map(line)].join('\n');
}
