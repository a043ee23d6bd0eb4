import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// eslint-disable-next-line @nx/enforce-module-boundaries -- tests read YAML; the library does not
import { parse } from 'yaml';

import type { KindName } from '../kinds.ts';

/** A manifest of `testdata`. */
export interface Fixture {
  readonly name: string;
  readonly object: unknown;
  /** Of an invalid one: its first line says what must be found. */
  readonly expected: { readonly path: string; readonly message: string };
}

const root = join(import.meta.dirname, '../../testdata');

/** The fixtures of a kind, by file name. */
export function fixtures(kind: KindName, verdict: 'valid' | 'invalid'): Fixture[] {
  const folder = join(root, kind, verdict);
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const [, path = '', message = ''] = /^# (\S+): (.+)\n/.exec(text) ?? [];
      return { name: file.replace('.yaml', ''), object: parse(text), expected: { path, message } };
    });
}
