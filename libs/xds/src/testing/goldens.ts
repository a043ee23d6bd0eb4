import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
// eslint-disable-next-line @nx/enforce-module-boundaries -- goldens are YAML; only this spec reads them
import { parse, stringify } from 'yaml';

export interface Golden {
  readonly name: string;
  readonly input: unknown;
  /** The text that is expected; with UPDATE_GOLDEN=1 the given output is written, and expected. */
  expected(output: unknown): { expected: string; actual: string };
}

/** The pairs `<name>.in.yaml` and `<name>.out.yaml` of a folder of `testdata`. */
export function goldens(folder: string): Golden[] {
  const root = join(import.meta.dirname, '../../testdata', folder);
  const names = readdirSync(root).flatMap((f) => (f.endsWith('.in.yaml') ? [f.slice(0, -'.in.yaml'.length)] : []));
  return names.sort().map((name) => ({
    name,
    input: parse(readFileSync(join(root, `${name}.in.yaml`), 'utf8')) as unknown,
    expected: (output) => {
      const file = join(root, `${name}.out.yaml`);
      const actual = stringify(output, { aliasDuplicateObjects: false, lineWidth: 120 });
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual);
      return { expected: existsSync(file) ? readFileSync(file, 'utf8') : '', actual };
    },
  }));
}
