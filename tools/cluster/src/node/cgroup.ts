import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './until.ts';

const mountPoint = '/sys/fs/cgroup';

/** Of all that runs on the node: its daemons and its pods. So whatever is left can be found, and ended, without any other record. */
export const cgroupName = 'tsgateway-node';

const endDeadlineMs = 10_000;

/** Makes the control group, in every hierarchy, so that a kubelet can have it as its root. */
export async function createCgroup(): Promise<void> {
  if (isUnified()) await delegateControllers(mountPoint);
  for (const hierarchy of await hierarchies()) await mkdir(join(hierarchy, cgroupName), { recursive: true });
  if (isUnified()) await delegateControllers(join(mountPoint, cgroupName));
  await mkdir(daemons(), { recursive: true });
}

/** The command, as a member of the control group. What it starts is one, too. */
export function inCgroup(command: readonly string[]): string[] {
  const file = join(daemons(), 'cgroup.procs');
  return ['sh', '-ec', 'echo $$ > "$0"; exec "$@"', file, ...command];
}

/** All that is alive in the control group. */
export async function cgroupProcesses(): Promise<number[]> {
  const lists = await Promise.all((await groupsBelow(tree())).map((group) => readProcs(group)));
  return lists.flat();
}

/**
 * Ends whatever is in the control group, and removes it.
 * @throws Error when something does not end
 */
export async function removeCgroup(): Promise<void> {
  const allEnded = async () => {
    const pids = await cgroupProcesses();
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  };
  await until(allEnded, { what: 'what ran on the node ends', deadlineMs: endDeadlineMs });
  for (const hierarchy of await hierarchies()) {
    const groups = await groupsBelow(hierarchy);
    const root = join(hierarchy, cgroupName);
    const removed = async () => {
      for (const group of groups) await rmdir(group).catch(() => undefined);
      return !existsSync(root);
    };
    // The kernel takes a moment to let go of a group whose last process has ended.
    await until(removed, { what: `the control group ${root} goes`, deadlineMs: endDeadlineMs });
  }
}

/** A leaf: in control groups v2 nothing else may have processes. */
function daemons(): string {
  return join(tree(), cgroupName, 'daemons');
}

/** Version 2: one hierarchy. */
function isUnified(): boolean {
  return existsSync(join(mountPoint, 'cgroup.controllers'));
}

/** The hierarchy that tells what runs on the node. Freezer: the kubelet sets nothing there. */
function tree(): string {
  return isUnified() ? mountPoint : join(mountPoint, 'freezer');
}

async function hierarchies(): Promise<string[]> {
  if (isUnified()) return [mountPoint];
  const entries = await readdir(mountPoint, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(mountPoint, name));
}

/** Ours in this hierarchy, the deepest first. */
async function groupsBelow(hierarchy: string): Promise<string[]> {
  const root = join(hierarchy, cgroupName);
  if (!existsSync(root)) return [];
  const entries = await readdir(root, { withFileTypes: true, recursive: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
  return [...below.sort((a, b) => b.split('/').length - a.split('/').length), root];
}

async function readProcs(group: string): Promise<number[]> {
  // A group may go while we look.
  const text = await readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

async function delegateControllers(group: string): Promise<void> {
  const controllers = (await readFile(join(group, 'cgroup.controllers'), 'utf8')).trim().split(' ').filter(Boolean);
  await writeFile(join(group, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
