import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseOptions, UsageError, usage } from './options.ts';
import { goPrograms } from './peers/go.ts';
import { measuresOf } from './report/figures.ts';
import { chartOf, fillIn, sectionsOf } from './report/page.ts';
import type { Report } from './report/result.ts';
import { table } from './report/table.ts';
import { runBench } from './run.ts';

/** docs/, seen from dist/tools/bench/main.js. */
const docs = join(import.meta.dirname, '../../../docs');

async function writeDocs(report: Report): Promise<void> {
  const page = join(docs, 'performance.md');
  await writeFile(page, fillIn(await readFile(page, 'utf8'), sectionsOf(report)));
  await mkdir(join(docs, 'performance'), { recursive: true });
  for (const [id, result] of measuresOf(report)) {
    const chart = chartOf(result);
    if (chart !== undefined) await writeFile(join(docs, 'performance', `${id}.svg`), chart);
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
  process.once('SIGTERM', () => interrupted.abort(new Error('terminated')));
  const say = (line: string) => console.error(line);
  const go = await goPrograms(say);
  if (!go) say('Go is not installed: what needs its client or its peer is reported as missing');
  const report = await runBench({ ...options, go, say, signal: interrupted.signal });
  console.log(options.json ? JSON.stringify(report, null, 2) : table(report));
  if (options.writeDocs) {
    await writeDocs(report);
    say('Written: docs/performance.md; `npm run format` aligns its tables');
  }
  if (!report.complete) say('Not everything was measured: see "missing"');
  return report.ok ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = 2;
}
// Peers that were asked to end may still hold handles.
process.exit();
