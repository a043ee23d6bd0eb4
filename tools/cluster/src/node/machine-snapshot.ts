import { readdir, readFile } from 'node:fs/promises';
import { runCommand } from '../command.ts';
import { readSysctls } from './network.ts';

/** What a node could leave on a machine: each list sorted, so that two snapshots can be compared. */
export interface MachineSnapshot {
  readonly processes: readonly string[];
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly tables: readonly string[];
  readonly cgroups: readonly string[];
  readonly files: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
}

/** As the kernel cuts them: those that only a node has. Other tests may start and end API servers meanwhile. */
const nodeProcesses = new Set([
  'containerd',
  'containerd-shim',
  'kubelet',
  'kube-proxy',
  'coredns',
  'pause',
  'runc',
  'buildah',
]);

/** Where containerd, runc, kubelet, CNI and buildah leave things by default. */
const folders = ['/run', '/run/netns', '/var/lib', '/var/log', '/etc', '/etc/cni', '/etc/containers', '/var/lib/cni'];

const deadlineMs = 10_000;

/** Reads the machine; changes nothing. */
export async function machineSnapshot(): Promise<MachineSnapshot> {
  const [processes, mounts, links, tables, cgroups, files, sysctls] = await Promise.all([
    runningNodeProcesses(),
    mountPoints(),
    readdir('/sys/class/net'),
    runCommand(['nft', 'list', 'tables'], { deadlineMs }).then(lines),
    cgroupFolders(),
    filesIn(folders),
    readSysctls(),
  ]);
  return { processes, mounts, links: links.sort(), tables, cgroups, files, sysctls };
}

async function runningNodeProcesses(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  const running = stats.filter((stat) => !stat.slice(stat.lastIndexOf(')')).startsWith(') Z'));
  const names = running.map((stat) => stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')));
  return names.filter((name) => nodeProcesses.has(name)).sort();
}

async function mountPoints(): Promise<string[]> {
  return lines(await readFile('/proc/self/mounts', 'utf8')).map((line) => line.split(' ').slice(0, 3).join(' '));
}

/** The two upper levels: below are those of whatever else runs. */
async function cgroupFolders(): Promise<string[]> {
  const root = '/sys/fs/cgroup';
  const hierarchies = await readdir(root, { withFileTypes: true });
  return filesIn([root, ...hierarchies.filter((entry) => entry.isDirectory()).map(({ name }) => `${root}/${name}`)]);
}

async function filesIn(parents: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    parents.map(async (parent) => (await readdir(parent).catch(() => [])).map((name) => `${parent}/${name}`)),
  );
  return lists.flat().sort();
}

function lines(text: string): string[] {
  return text.split('\n').filter(Boolean).sort();
}
