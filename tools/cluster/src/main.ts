import { readFile } from 'node:fs/promises';
import { type ClusterContext, down, kubeconfigPath, load, status, up } from './cluster.ts';
import { clustersDir } from './cluster-record.ts';
import type { PartStatus } from './level.ts';
import { buildImage } from './node/images.ts';
import { type Options, parseOptions, usage, UsageError } from './options.ts';

/** Somebody asked for the end. */
class Interrupted extends Error {}

const interruptions = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

process.exitCode = await main(process.argv.slice(2));

/** @returns the exit code: 0 done, 1 not, 2 a mistake of the user's, 128 + n interrupted by signal n */
async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  let exitCode = 1;
  for (const [name, number] of Object.entries(interruptions)) {
    // Also when it comes again: cleaning up has its own deadlines.
    process.on(name, () => {
      exitCode = 128 + number;
      stop.abort(new Interrupted(`interrupted by ${name}`));
    });
  }
  const startedAt = performance.now();
  const log = (line: string) => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${line}\n`);
  };
  try {
    const options = parseOptions(argv);
    return await run(options, log, stop.signal);
  } catch (error) {
    const why = stop.signal.aborted ? stop.signal.reason : error;
    process.stderr.write(`${why instanceof UsageError ? 'error' : 'failed'}: ${messageOf(why)}\n`);
    return why instanceof UsageError ? 2 : exitCode;
  }
}

async function run(options: Options, log: (line: string) => void, signal: AbortSignal): Promise<number> {
  if (options.command === 'help') {
    console.log(usage);
    return 0;
  }
  if (options.command === 'build') {
    const { image: name, file, context } = options;
    await buildImage({ name, file, context, log, signal });
    log(`${name} is built`);
    return 0;
  }
  const { name } = options;
  const context: ClusterContext = { name, clusters: clustersDir(process.env), log, signal };
  switch (options.command) {
    case 'up': {
      const path = await up(options.level, context);
      log(`"${name}" is up; it runs until: npm run cluster -- down${name === 'default' ? '' : ` --name ${name}`}`);
      console.log(`export KUBECONFIG=${path}`);
      return 0;
    }
    case 'down':
      log((await down(context)) ? `"${name}" is gone` : `there was no cluster "${name}"`);
      return 0;
    case 'status': {
      const parts = await status(context);
      console.log(table(parts));
      return parts.every(({ health }) => health === 'ok') ? 0 : 1;
    }
    case 'load':
      await load(options.image, context);
      log(`${options.image} is on the node`);
      return 0;
    case 'kubeconfig': {
      const path = await kubeconfigPath(context);
      console.log(options.content ? await readFile(path, 'utf8') : path);
      return 0;
    }
  }
}

function table(parts: readonly PartStatus[]): string {
  const rows = [
    ['PART', 'PID', 'VERSION', 'HEALTH'],
    ...parts.map(({ name, pid, version, health }) => [name, pid === undefined ? '-' : String(pid), version, health]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
