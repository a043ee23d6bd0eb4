import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ApiState } from './api-cluster.ts';
import type { NodeState } from './node/node-level.ts';
import type { Level } from './options.ts';

/** What is known of a cluster between two commands. */
export interface ClusterRecord {
  readonly level: Level;
  /** False while it is being started, and after an `up` that was killed. */
  readonly ready: boolean;
  readonly api?: ApiState;
  readonly node?: NodeState;
}

/** Where the clusters of this user are, one folder each. */
export function clustersDir(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'tailscale-gateway', 'clusters');
}

/** A cluster's folder, with its record. The caller sees to it that only one command at a time writes. */
export class ClusterFolder {
  readonly path: string;

  constructor(clusters: string, name: string) {
    this.path = join(clusters, name);
  }

  get #file(): string {
    return join(this.path, 'cluster.json');
  }

  /** Undefined: there is no such cluster, or nothing of it was started. */
  async read(): Promise<ClusterRecord | undefined> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8')) as ClusterRecord;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Whole or not at all. */
  async write(record: ClusterRecord): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await writeFile(`${this.#file}.new`, JSON.stringify(record, undefined, 2), { mode: 0o600 });
    await rename(`${this.#file}.new`, this.#file);
  }

  /** @throws Error when something is mounted below it: removing would reach into the mount */
  async remove(): Promise<void> {
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    const below = mounts
      .split('\n')
      .flatMap((line) => line.split(' ')[1] ?? [])
      .filter((at) => at.startsWith(`${this.path}/`));
    if (below.length > 0) throw new Error(`${below.join(', ')}: still mounted; umount, then run down again`);
    await rm(this.path, { recursive: true, force: true });
  }
}
