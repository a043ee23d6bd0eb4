import { parseArgs } from 'node:util';
import { type MeasureId, measureIds } from './goals.ts';

/** What the user typed after `npm run bench --`. */
export interface Options {
  /** One JSON object on stdout instead of a table. */
  readonly json: boolean;
  readonly only: ReadonlySet<MeasureId>;
  readonly repeats: number;
  /** Fewer repeats and calls: shows that everything runs, its figures are worth little. */
  readonly quick: boolean;
  /** Write the tables and plots of docs/performance.md. */
  readonly writeDocs: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [--json] [--only P1,P3] [--repeats N] [--quick] [--write-docs]

  --json        one JSON object on stdout; exit 1 when a hard goal is missed or a measure failed
  --only LIST   only these measures (P1..P12, with commas)
  --repeats N   how often each peer is measured (default 5, with --quick 3)
  --quick       fewer calls: shows that everything runs
  --write-docs  write the tables and plots of docs/performance.md`;

/** A mistake of the user's: one line that names it and the fix. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError when a flag is unknown or its value is out of range. */
export function parseOptions(argv: readonly string[]): Options {
  const values = parse(argv);
  const quick = values.quick ?? false;
  const repeats = Number(values.repeats ?? (quick ? 3 : 5));
  if (!Number.isInteger(repeats) || repeats < 1 || repeats > 100) {
    throw new UsageError(`--repeats: "${values.repeats}" is not a whole number from 1 to 100`);
  }
  const writeDocs = values['write-docs'] ?? false;
  if (writeDocs && (quick || values.only !== undefined)) {
    throw new UsageError('--write-docs: needs a whole run, without --quick and --only');
  }
  return {
    ...{ repeats, quick, writeDocs, json: values.json ?? false, help: values.help ?? false },
    only: new Set(values.only === undefined ? measureIds : values.only.split(',').map(measureId)),
  };
}

function measureId(text: string): MeasureId {
  const id = measureIds.find((known) => known === text.trim().toUpperCase());
  if (!id) throw new UsageError(`--only: "${text}" is none of ${measureIds.join(', ')}`);
  return id;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        json: { type: 'boolean' },
        only: { type: 'string' },
        repeats: { type: 'string' },
        quick: { type: 'boolean' },
        'write-docs': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error);
    throw new UsageError(`${message} (--help lists the flags)`, { cause: error });
  }
}
