import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { binaryPath } from '../binaries.ts';
import { runCommand } from '../command.ts';
import { withLock } from '../lock.ts';
import { fullImageName } from './image-name.ts';
import { pauseImage } from './node-config.ts';
import { withOwnMounts } from './own-mounts.ts';

export interface ImageOptions {
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface BuildOptions extends ImageOptions {
  /** As a pod calls it. */
  readonly name: string;
  /** Path of the Dockerfile. */
  readonly file: string;
  /** The folder that its COPY reads. */
  readonly context: string;
}

/** What a Dockerfile of ours begins with. No registry is asked for it: it is made here, of Debian packages and the Node that runs us. */
export const baseImage = 'node:24-bookworm-slim';

const debootstrapDeadlineMs = 600_000;
const buildDeadlineMs = 600_000;
const exportDeadlineMs = 300_000;
const importDeadlineMs = 300_000;
const inspectDeadlineMs = 30_000;
const nodeLabel = 'org.nodejs.version';

/**
 * Builds an image from a Dockerfile, without any registry: `FROM` may name `node:24-bookworm-slim`, `scratch`, or an image that was
 * built here before. It stays in the cache, for `loadImage`.
 * @throws Error with what the build said
 */
export async function buildImage(options: BuildOptions): Promise<void> {
  const { name, file, context, log, signal } = options;
  if (usesBaseImage(await readFile(file, 'utf8'))) await ensureBaseImage({ log, signal });
  await bud({ name, file, context, log, signal });
}

/**
 * Copies an image that was built here into a node.
 * @throws Error when no such image was built
 */
export async function loadImage(
  name: string,
  { containerdSocket }: { readonly containerdSocket: string },
  { log, signal }: ImageOptions,
): Promise<void> {
  const full = fullImageName(name);
  const startedAt = performance.now();
  await inTemporaryFolder(async (folder) => {
    const archive = join(folder, 'image.tar');
    // Docker's format: its layers are not compressed, which takes a third of the time.
    const push = ['push', '--quiet', full, `docker-archive:${archive}:${full}`];
    await buildah(push, exportDeadlineMs, signal).catch((cause: unknown) => {
      throw new Error(`image ${name} cannot be read, or was not built yet: npm run cluster -- build -t ${name} ...`, {
        cause,
      });
    });
    await runCommand(['ctr', '--address', containerdSocket, '--namespace', 'k8s.io', 'images', 'import', archive], {
      deadlineMs: importDeadlineMs,
      signal,
    });
  });
  log(`image ${name}: loaded (${seconds(startedAt)} s)`);
}

/** The container that holds a pod's namespaces: it waits, and reaps. */
export async function buildPauseImage(options: ImageOptions): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'pause.c'), pauseSource);
    await runCommand(['gcc', '-Os', '-static', '-s', '-o', 'pause', 'pause.c'], {
      cwd: folder,
      deadlineMs: inspectDeadlineMs,
      signal: options.signal,
    });
    const file = join(folder, 'Dockerfile');
    await writeFile(file, 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n');
    await bud({ ...options, name: pauseImage, file, context: folder });
  });
}

const pauseSource = `#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) { (void)signal; _exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0); }

int main(void) {
  signal(SIGINT, end);
  signal(SIGTERM, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
`;

function usesBaseImage(dockerfile: string): boolean {
  const bases = [...dockerfile.matchAll(/^FROM\s+(?:--\S+\s+)*(\S+)/gim)].map((match) => match[1] ?? '');
  return bases.some((base) => fullImageName(base) === fullImageName(baseImage));
}

/** Debian's smallest, Node where the official image has it, and the user that the official image has. */
async function ensureBaseImage({ log, signal }: ImageOptions): Promise<void> {
  const { node } = process.versions;
  if (!node.startsWith('24.')) throw new Error(`${baseImage} needs Node 24, this is ${node}: use npm run cluster`);
  await mkdir(imageCache(), { recursive: true });
  const onWait = () => log(`image ${baseImage}: another process is at it, waiting`);
  await withLock(join(imageCache(), '.base.lock'), { onWait, signal }, async () => {
    if ((await nodeVersionOf(baseImage, signal)) === node) return;
    await inTemporaryFolder(async (folder) => {
      log(`image ${baseImage}: fetching Debian packages (once, about 1 min)`);
      const excluded = ['doc', 'info', 'locale', 'man'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
      await runCommand(
        [
          'mmdebstrap',
          '--variant=minbase',
          '--include=ca-certificates',
          ...excluded,
          'bookworm',
          join(folder, 'debian.tar'),
        ],
        { deadlineMs: debootstrapDeadlineMs, signal },
      );
      await copyFile(process.execPath, join(folder, 'node'));
      const file = join(folder, 'Dockerfile');
      await writeFile(
        file,
        `FROM scratch
ADD debian.tar /
COPY node /usr/local/bin/node
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_VERSION=${node}
LABEL ${nodeLabel}=${node}
CMD ["node"]
`,
      );
      await bud({ name: baseImage, file, context: folder, log, signal });
    });
  });
}

async function nodeVersionOf(name: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const format = `{{index .OCIv1.Config.Labels "${nodeLabel}"}}`;
  const inspect = ['inspect', '--type', 'image', '--format', format, fullImageName(name)];
  return buildah(inspect, inspectDeadlineMs, signal).then(
    (text) => text.trim(),
    () => undefined, // no such image
  );
}

async function bud({ name, file, context, log, signal }: BuildOptions): Promise<void> {
  const startedAt = performance.now();
  const options = ['--isolation', 'chroot', '--pull-never', '--layers', '--tag', fullImageName(name), '--file', file];
  await buildah(['bud', ...options, context], buildDeadlineMs, signal);
  log(`image ${name}: built (${seconds(startedAt)} s)`);
}

/** Its storage is in the cache, and nothing that it writes elsewhere stays. */
async function buildah(args: readonly string[], deadlineMs: number, signal: AbortSignal | undefined): Promise<string> {
  const storage = ['--root', join(imageCache(), 'storage'), '--runroot', join(imageCache(), 'run')];
  return inTemporaryFolder((memory) =>
    runCommand(withOwnMounts(memory, ['buildah', ...storage, '--storage-driver', 'overlay', ...args]), {
      deadlineMs,
      signal,
    }),
  );
}

/** Beside the binaries. */
function imageCache(): string {
  return join(dirname(dirname(binaryPath('kubelet'))), 'images');
}

/** In the cache: what a killed process leaves goes with it. */
async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(imageCache(), { recursive: true });
  const folder = await mkdtemp(join(imageCache(), '.making-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
