import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The Go programs: the client of all peers, and two of them. */
export interface GoPrograms {
  readonly version: string;
  readonly load: string;
  readonly floor: string;
  readonly server: string;
}

/** tools/bench/go, seen from dist/tools/bench/main.js. */
const sources = join(import.meta.dirname, '../../../tools/bench/go');
const buildDeadlineMs = 10 * 60_000;

/**
 * Builds them into the cache, once for each state of their sources; undefined: there is no Go here.
 *
 * @throws Error when there is Go, but they do not build.
 */
export async function goPrograms(say: (line: string) => void): Promise<GoPrograms | undefined> {
  const version = await run('go', ['env', 'GOVERSION'], { cwd: sources }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (version === undefined) return undefined;
  const hash = createHash('sha256').update(version);
  for (const file of globSync(['go.mod', 'go.sum', '*/*.go'], { cwd: sources }).sort()) {
    hash.update(file).update(await readFile(join(sources, file)));
  }
  const cache =
    process.env['TSGATEWAY_CACHE_DIR'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tailscale-gateway');
  const folder = join(cache, `bench-${hash.digest('hex').slice(0, 12)}`);
  const programs = {
    version,
    load: join(folder, 'load'),
    floor: join(folder, 'floor'),
    server: join(folder, 'extension-server'),
  };
  if (await exists(programs.load)) return programs;
  say('Building the Go peers (once)');
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(`${folder}-`);
  try {
    await run('go', ['build', '-trimpath', '-o', `${temporary}/`, './...'], {
      cwd: sources,
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
      timeout: buildDeadlineMs,
    });
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    // Another run may have been first.
    if (!(await exists(programs.load))) throw new Error('the Go peers do not build', { cause: error });
  }
  return programs;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
