import type { Overview } from './overview.ts';

/** Each column as wide as its widest cell, two spaces between; no spaces at the end of a line. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(0, ...rows.map((r) => r.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  return rows.map((r) =>
    r
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The overview as lines, what matters most to the left: a narrow terminal shows that. */
export function tableOf({ services, processes }: Overview): string[] {
  const header = ['BACKEND', 'HEALTH', 'REQUESTS', 'PID', 'WEIGHT', 'TIER'];
  const rows = services.map((s) =>
    s.backends.map((b) => [`  ${b.backend}`, b.health, b.requests, b.pid, b.weight, b.tier]),
  );
  const [first = '', ...lines] = columns([header, ...rows.flat()]);
  const grouped = services.flatMap(({ service, strategy, note, backends }) => [
    [service, strategy].filter((part) => part !== '').join(': '),
    ...(note === '' ? [] : [`  ${note}`]),
    ...lines.splice(0, backends.length),
  ]);
  const processRows = processes.map((p) => [p.process, p.state, p.pid, p.restarts]);
  return [first, ...grouped, '', ...columns([['PROCESS', 'STATE', 'PID', ''], ...processRows])];
}

/** What is different now, a line each: states, not counters. */
export function changesOf(before: Overview, now: Overview): string[] {
  const backendsOf = ({ services }: Overview) =>
    services.flatMap((s) => s.backends.map((b) => ({ ...b, service: s.service })));
  return [
    ...rowChanges(before.services, now.services, { key: (s) => s.service, fields: ['strategy', 'note'] }),
    ...rowChanges(backendsOf(before), backendsOf(now), {
      key: (b) => `${b.service} ${b.backend}`,
      fields: ['health', 'pid', 'weight', 'tier'],
    }),
    ...rowChanges(before.processes, now.processes, { key: (p) => p.process, fields: ['state', 'pid', 'restarts'] }),
  ];
}

interface RowKind<Row> {
  readonly key: (row: Row) => string;
  readonly fields: readonly (keyof Row)[];
}

function rowChanges<Row>(before: readonly Row[], now: readonly Row[], { key, fields }: RowKind<Row>): string[] {
  const old = new Map(before.map((row) => [key(row), row]));
  const left = new Set(old.keys());
  const lines = now.flatMap((row) => {
    const was = old.get(key(row));
    left.delete(key(row));
    if (!was) return [`${key(row)}: new`];
    const changed = fields
      .filter((f) => was[f] !== row[f])
      .map((f) => `${String(f)} ${show(was[f])} -> ${show(row[f])}`);
    return changed.length === 0 ? [] : [`${key(row)}: ${changed.join(', ')}`];
  });
  return [...lines, ...[...left].map((k) => `${k}: gone`)];
}

const show = (value: unknown): string => (value === '' ? '-' : String(value));

/** What of some lines a terminal can show: cut to its width, and to its height, less the line of the cursor. */
export function fitted(lines: readonly string[], size: { columns: number; rows: number }): string[] {
  const room = Math.max(1, size.rows - 1);
  const shown =
    lines.length <= room ? lines : [...lines.slice(0, room - 1), `... ${lines.length - room + 1} more lines`];
  return shown.map((l) => (l.length <= size.columns ? l : `${l.slice(0, Math.max(0, size.columns - 1))}…`));
}
