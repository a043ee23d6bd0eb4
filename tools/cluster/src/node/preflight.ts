import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findOnPath } from '../binaries.ts';

/** What the node level runs, and the Debian package that has it. */
const packages = {
  containerd: ['containerd', 'ctr'],
  runc: ['runc'],
  buildah: ['buildah'],
  mmdebstrap: ['mmdebstrap'],
  nftables: ['nft'],
  iproute2: ['ip'],
  'util-linux': ['unshare', 'nsenter'],
  gcc: ['gcc'],
} as const;

/** Files rather than commands. */
const files = {
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  'libc6-dev': '/usr/include/unistd.h',
} as const;

/**
 * Whether a node can run here: all that is missing at once.
 * @returns one line for each, with the fix; none when all is there
 */
export async function preflightNode(): Promise<string[]> {
  if (process.platform !== 'linux') return [`a node needs Linux, this is ${process.platform}: use --level api`];
  const lines: string[] = [];
  if (process.getuid?.() !== 0) lines.push('a node needs root: run as root, or use --level api');
  const cgroups = await cgroupProblem();
  if (cgroups !== undefined) lines.push(cgroups);
  if (!(await readFile('/proc/filesystems', 'utf8')).includes('\toverlay\n')) {
    lines.push('the kernel has no overlayfs: modprobe overlay');
  }
  const missing: string[] = [];
  for (const [name, commands] of Object.entries(packages)) {
    const found = await Promise.all(commands.map((command) => findOnPath(command)));
    if (found.includes(undefined)) missing.push(name);
  }
  for (const [name, file] of Object.entries(files)) if (!existsSync(file)) missing.push(name);
  if (missing.length > 0) lines.push(`packages are missing: apt-get install ${missing.join(' ')}`);
  return lines;
}

/** Those that a kubelet cannot do without. */
const neededControllers = ['cpu', 'cpuset', 'memory', 'pids'];

async function cgroupProblem(): Promise<string | undefined> {
  const root = '/sys/fs/cgroup';
  // Version 2 lists them in a file; in version 1 each is a folder.
  const unified = await readFile(`${root}/cgroup.controllers`, 'utf8').catch(() => undefined);
  const missing =
    unified === undefined
      ? [...neededControllers, 'cpuacct', 'freezer'].filter((name) => !existsSync(`${root}/${name}`))
      : neededControllers.filter((name) => !unified.trim().split(' ').includes(name));
  return missing.length === 0 ? undefined : `control groups lack ${missing.join(', ')}: mount them on ${root}`;
}
