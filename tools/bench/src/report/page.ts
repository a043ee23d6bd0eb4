import { barChart } from './bar-chart.ts';
import { figure, goalText, measuresOf, rowsOf } from './figures.ts';
import type { MeasureResult, Report } from './result.ts';

const markers = (name: string) => [`<!-- ${name}: generated -->`, `<!-- ${name}: end -->`] as const;

/**
 * The page with what stands between the markers of each section replaced.
 *
 * @throws Error when the page lacks a section's markers.
 */
export function fillIn(page: string, sections: ReadonlyMap<string, string>): string {
  let filled = page;
  for (const [name, text] of sections) {
    const [open, close] = markers(name);
    const [from, to] = [filled.indexOf(open), filled.indexOf(close)];
    if (from < 0 || to < from) throw new Error(`docs/performance.md has no section "${open}" ... "${close}"`);
    filled = `${filled.slice(0, from + open.length)}\n\n${text}\n\n${filled.slice(to)}`;
  }
  return filled;
}

/** The generated sections of docs/performance.md. */
export function sectionsOf(report: Report): Map<string, string> {
  const { machine: m } = report;
  const busy = Math.max(...m.load) > 2 * m.cpus;
  const summary = [
    `Measured on ${m.cpus} CPUs (${m.cpuModel}) with ${m.memoryGiB} GiB, Linux ${m.kernel}, Node ${m.node}, ${m.go}; ` +
      `${report.repeats} repeats, load average ${m.load.join(' before, ')} after.`,
    ...(busy ? ['', '**The machine was busy with other work**: peers that need more CPU waited longer for it.'] : []),
    '',
    '| | Measure | Goals and aims | |',
    '| --- | --- | --- | --- |',
    ...measuresOf(report).map(
      ([id, r]) => `| ${id} | ${r.title} | ${r.goals.map(goalText).join('<br>')} | ${r.status} |`,
    ),
  ].join('\n');
  return new Map([
    ['summary', summary],
    ...measuresOf(report).map(([id, result]) => [id, section(id, result)] as const),
  ]);
}

function section(id: string, result: MeasureResult): string {
  if (result.reason !== undefined) return `${capitalized(result.status)}: ${result.reason}`;
  return [
    `${result.what}. Unit: ${result.unit}; a repeat is ${result.n}.`,
    '',
    ...(chartOf(result) === undefined ? [] : [`![${result.title}](performance/${id}.svg)`, '']),
    '| | Median | Range |',
    '| --- | ---: | ---: |',
    ...rowsOf(result).map(({ name, median, range }) => `| ${name} | ${median} | ${range} |`),
  ].join('\n');
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A plot, where two or more series have the measure's unit; undefined: there is nothing to compare. */
export function chartOf({ title, unit, peers }: MeasureResult): string | undefined {
  const bars = Object.entries(peers)
    .filter(([, s]) => s.unit === unit)
    .map(([label, { median, min, max }]) => ({
      label,
      median,
      min,
      max,
      ours: /^(extension-server|splice|one|two)/.test(label),
    }));
  if (bars.length < 2 || unit === 'resources') return undefined;
  return barChart({ title: `${title} (${unit})`, bars, text: figure });
}
