import { mkdir } from 'node:fs/promises';
import { apiBinaries, startApi } from './api.ts';
import { ApiCluster } from './api-cluster.ts';
import { ensureBinaries } from './binaries.ts';
import { ClusterFolder, type ClusterRecord } from './cluster-record.ts';
import type { PartStatus } from './level.ts';
import { withLock } from './lock.ts';
import { loadImage } from './node/images.ts';
import { downNode, nodeAddress, nodeBinaries, nodeParts, preflightNode, upNode } from './node/node-level.ts';
import type { Level } from './options.ts';
import { inspectMachine, lacks } from './preflight.ts';

/** What a command works with. */
export interface ClusterContext {
  readonly name: string;
  /** All clusters of this user; one command at a time changes any of them. */
  readonly clusters: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts a cluster that outlives this process; one that runs already is left as it is, and what a killed `up` has left is removed first.
 * @returns the path of its kubeconfig
 * @throws Error that says all that the machine lacks, or which part did not start and what it logged; the signal's reason when that
 *   aborts. By then nothing of it is left.
 */
export async function up(level: Level, context: ClusterContext): Promise<string> {
  const { log, signal } = context;
  const withNodes = level === 'node';
  const binaries = [...apiBinaries({ withNodes }), ...(withNodes ? nodeBinaries : [])];
  const missing = [...lacks(await inspectMachine(binaries)), ...(level === 'node' ? await preflightNode() : [])];
  if (missing.length > 0) {
    throw new Error(
      `this machine cannot run a cluster of level ${level} yet:\n${missing.map((m) => `  ${m}`).join('\n')}`,
    );
  }
  await ensureBinaries(binaries, { log, signal }); // outside the lock: it may take minutes
  return exclusively(context, async (folder) => {
    const old = await folder.read();
    if (old?.ready && (await partsOf(old)).every(({ health }) => health === 'ok')) {
      if (old.level !== level) throw new Error(`"${context.name}" is up with level ${old.level}: run down first`);
      log(`"${context.name}" is up already`);
      return kubeconfigOf(old);
    }
    if (old !== undefined) {
      log(`"${context.name}" is broken or was left half-started: removing it first`);
      await remove(old, folder, context);
    }
    return start(level, folder, context);
  });
}

/** Stops a cluster and removes its files. @returns whether there was one */
export async function down(context: ClusterContext): Promise<boolean> {
  return exclusively(context, async (folder) => {
    const record = await folder.read();
    await remove(record, folder, context);
    return record !== undefined;
  });
}

/** Each part of a cluster. @throws Error when there is none of that name */
export async function status(context: ClusterContext): Promise<PartStatus[]> {
  return partsOf(await existing(context));
}

/** The path of a cluster's kubeconfig. @throws Error when there is none of that name */
export async function kubeconfigPath(context: ClusterContext): Promise<string> {
  return kubeconfigOf(await existing(context));
}

/** Gives the node of a cluster an image that was built on this machine. @throws Error when it has no node, or the image is not there */
export async function load(image: string, context: ClusterContext): Promise<void> {
  const { node } = await existing(context);
  if (node === undefined) throw new Error(`"${context.name}" has no node: it was started with level api`);
  await loadImage(image, node, { log: context.log, signal: context.signal });
}

async function start(level: Level, folder: ClusterFolder, context: ClusterContext): Promise<string> {
  const { log, signal } = context;
  let record: ClusterRecord = { level, ready: false };
  const save = async (change: Partial<ClusterRecord>) => {
    record = { ...record, ...change };
    await folder.write(record);
  };
  try {
    await save({});
    const api = await startApi({
      dir: folder.path,
      log,
      signal,
      nodeAddress: level === 'node' ? nodeAddress : undefined,
      save: (state) => save({ api: state }),
    });
    log('the API server is ready');
    if (level === 'node') {
      const node = await upNode(api, { dir: folder.path, log, signal, save: (state) => save({ node: state }) });
      await save({ node });
    }
    signal.throwIfAborted();
    await save({ ready: true });
    return api.adminKubeconfig;
  } catch (error) {
    await remove(record, folder, context).catch((cause: Error) => log(`not all could be removed: ${cause.message}`));
    throw error;
  }
}

/** To the end, whatever the signal says. What could not be ended keeps its record, for the next `down`. */
async function remove(
  record: ClusterRecord | undefined,
  folder: ClusterFolder,
  { log }: ClusterContext,
): Promise<void> {
  try {
    if (record?.node !== undefined) await downNode(record.node, { log });
  } finally {
    if (record?.api !== undefined) await new ApiCluster(record.api).stop();
  }
  await folder.remove();
}

async function existing({ clusters, name }: ClusterContext): Promise<ClusterRecord> {
  const record = await new ClusterFolder(clusters, name).read();
  if (record === undefined) throw new Error(`there is no cluster "${name}": run up first`);
  return record;
}

async function partsOf({ api, node }: ClusterRecord): Promise<PartStatus[]> {
  return [
    ...(api === undefined ? [] : await new ApiCluster(api).status()),
    ...(node === undefined ? [] : await nodeParts(node)),
  ];
}

function kubeconfigOf({ api }: ClusterRecord): string {
  if (api === undefined) throw new Error('its API server was never started: run down, then up');
  return new ApiCluster(api).adminKubeconfig;
}

async function exclusively<T>(
  { clusters, name, log, signal }: ClusterContext,
  work: (folder: ClusterFolder) => Promise<T>,
): Promise<T> {
  await mkdir(clusters, { recursive: true, mode: 0o700 });
  const onWait = () => log('another up or down is at work: waiting');
  return withLock(clusters, { onWait, signal }, () => work(new ClusterFolder(clusters, name)));
}
