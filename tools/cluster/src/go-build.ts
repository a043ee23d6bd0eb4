import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';

const buildDeadlineMs = 40 * 60_000;
const downloadDeadlineMs = 10 * 60_000;

/** No cgo: what is built runs on any libc. The rest keeps a workspace or flags of the user's own out of it. */
const goEnv = { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-buildvcs=false' };

export interface GoCommand {
  /** Without a `v`. */
  readonly version: string;
  /** The binary gets there, under the command's name. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

/** Builds a command of a module that can be installed as it is. */
export async function installGoCommand(options: GoCommand & { readonly goPackage: string }): Promise<void> {
  const { goPackage, version, folder, signal } = options;
  await runCommand(['go', 'install', '-trimpath', '-ldflags=-s -w', `${goPackage}@v${version}`], {
    env: { ...goEnv, GOBIN: folder },
    deadlineMs: buildDeadlineMs,
    signal,
  });
}

/**
 * Builds a command of k8s.io/kubernetes. That module replaces its parts by folders, which only a module of one's own can undo: it is
 * written here, beside the result, and removed afterwards.
 */
export async function buildKubernetes(options: GoCommand & { readonly name: string }): Promise<void> {
  const { name, version, folder, signal } = options;
  const cwd = join(folder, `module-${name}`);
  await mkdir(cwd);
  const downloaded = await runCommand(['go', 'mod', 'download', '-json', `k8s.io/kubernetes@v${version}`], {
    cwd,
    env: goEnv,
    deadlineMs: downloadDeadlineMs,
    signal,
  });
  const { GoMod } = JSON.parse(downloaded) as { GoMod: string };
  await writeFile(join(cwd, 'go.mod'), wrapperModule(await readFile(GoMod, 'utf8'), version));
  // Imported by a file that is never compiled: `go mod tidy` looks at it all the same.
  await writeFile(
    join(cwd, 'tools.go'),
    `//go:build tools\n\npackage tools\n\nimport _ "k8s.io/kubernetes/cmd/${name}"\n`,
  );
  await runCommand(['go', 'mod', 'tidy'], { cwd, env: goEnv, deadlineMs: downloadDeadlineMs, signal });
  const [major, minor] = version.split('.');
  const about = 'k8s.io/component-base/version';
  const ldflags = `-s -w -X ${about}.gitVersion=v${version} -X ${about}.gitMajor=${major} -X ${about}.gitMinor=${minor}`;
  await runCommand(
    ['go', 'build', '-trimpath', `-ldflags=${ldflags}`, '-o', join(folder, name), `k8s.io/kubernetes/cmd/${name}`],
    { cwd, env: goEnv, deadlineMs: buildDeadlineMs, signal },
  );
  await rm(cwd, { recursive: true });
}

/**
 * The go.mod of a module that requires Kubernetes.
 * @param kubernetesMod its own go.mod: the Go version it asks for, and the modules that it replaces by folders of its repository.
 *   Those are published as v0.MINOR.PATCH.
 */
export function wrapperModule(kubernetesMod: string, version: string): string {
  const go = /^go (\S+)$/m.exec(kubernetesMod)?.[1];
  if (go === undefined) throw new Error(`the go.mod of Kubernetes ${version} has no go line`);
  const parts = [...kubernetesMod.matchAll(/^\s+(k8s\.io\/\S+) => \.\/staging\//gm)].map((match) => match[1]);
  const published = `v0${version.slice(version.indexOf('.'))}`;
  return [
    'module tsgateway.invalid/kubernetes',
    '',
    `go ${go}`,
    '',
    `require k8s.io/kubernetes v${version}`,
    '',
    'replace (',
    ...parts.map((part) => `\t${part} => ${part} ${published}`),
    ')',
    '',
  ].join('\n');
}
