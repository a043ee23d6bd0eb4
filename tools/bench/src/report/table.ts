import { goalText, measuresOf, rowsOf } from './figures.ts';
import type { Report } from './result.ts';

/** The report for people. */
export function table(report: Report): string {
  const { machine: m } = report;
  const lines = [
    `${report.repeats} repeats, ${report.seconds.toFixed(0)} s; ${m.cpus} CPUs (${m.cpuModel}), ${m.memoryGiB} GiB, ` +
      `Linux ${m.kernel}, Node ${m.node}, ${m.go}; load ${m.load.join(' -> ')}`,
  ];
  for (const [id, result] of measuresOf(report)) {
    lines.push('', `${id} ${result.title} [${result.unit}; ${result.n}]: ${result.status.toUpperCase()}`);
    if (result.reason !== undefined) lines.push(`    ${result.reason}`);
    for (const { name, median, range } of rowsOf(result)) {
      lines.push(`    ${name.replaceAll('**', '').padEnd(34)} ${median.padStart(10)}   ${range}`);
    }
    for (const goal of result.goals) lines.push(`    ${goalText(goal)}`);
  }
  return lines.join('\n');
}
