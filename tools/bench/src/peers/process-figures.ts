import { readdir, readFile, writeFile } from 'node:fs/promises';

/** What Linux knows about a process. */
export interface Memory {
  readonly residentBytes: number;
  /** The highest `residentBytes` since its start, or since `resetPeak`. */
  readonly peakBytes: number;
}

/** @throws Error when the process is gone. */
export async function memoryOf(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string) => {
    const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    if (kib === undefined) throw new Error(`/proc/${pid}/status has no ${field}`);
    return Number(kib) * 1024;
  };
  return { residentBytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}

/** Forgets the peak so far (proc(5), clear_refs). */
export const resetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, '5');

/** CPU time of all its living threads, in ns: the scheduler's count, not the ticks of `ps`. */
export async function cpuNsOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(
    threads.map(async (tid) => {
      const text = await readFile(`/proc/${pid}/task/${tid}/schedstat`, 'utf8');
      return Number(text.split(' ')[0]);
    }),
  );
  return times.reduce((sum, t) => sum + t, 0);
}
