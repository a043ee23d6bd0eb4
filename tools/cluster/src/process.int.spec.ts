import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, isAlive, type ProcessRecord, type ProcessSpec, startProcess, untilReady } from './process.ts';

let dir: string;
let started: ProcessRecord[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'process-spec-'));
  started = [];
});

afterEach(async () => {
  for (const record of started) await endProcess(record, { graceMs: 0 });
  await rm(dir, { recursive: true });
});

async function start(script: string, more: Partial<ProcessSpec> = {}): Promise<ProcessRecord> {
  const spec: ProcessSpec = {
    name: 'it',
    command: ['sh', '-c', script],
    logFile: join(dir, 'log'),
    lifetime: 'parent',
    ...more,
  };
  const record = await startProcess(spec);
  started.push(record);
  return record;
}

const said = (word: string) => async () => (await readFile(join(dir, 'log'), 'utf8')).includes(word);

describe('endProcess', () => {
  it('lets a process end by itself', async () => {
    const record = await start('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done');
    await untilReady(record, said('up'), { deadlineMs: 5000 });
    await endProcess(record, { graceMs: 5000 });
    expect(await isAlive(record)).toBe(false);
    expect(await said('bye')()).toBe(true);
  });

  it('kills one that does not, after the grace period', async () => {
    const record = await start('trap "" TERM; echo up; while :; do sleep 0.05; done');
    await untilReady(record, said('up'), { deadlineMs: 5000 });
    await endProcess(record, { graceMs: 100 });
    expect(await isAlive(record)).toBe(false);
  });

  it('never touches another process that got the pid', async () => {
    const record = await start('exec sleep 60');
    await endProcess({ ...record, startTime: '1' }, { graceMs: 100 });
    expect(await isAlive(record)).toBe(true);
  });
});

describe('untilReady', () => {
  it('says how the log ends when the process does', async () => {
    const record = await start('echo the port is taken; exit 3');
    await expect(untilReady(record, () => Promise.resolve(false), { deadlineMs: 5000 })).rejects.toThrow(
      /^it ended\n.*log ends with:\n {2}the port is taken$/,
    );
  });

  it('says what was wrong last when the deadline passes', async () => {
    const record = await start('echo waiting for etcd; exec sleep 60');
    await untilReady(record, said('etcd'), { deadlineMs: 5000 });
    const probe = () => Promise.reject(new Error('HTTP 500'));
    await expect(untilReady(record, probe, { deadlineMs: 100 })).rejects.toThrow(
      /not ready within 0.1 s \(HTTP 500\)\n.*\n {2}waiting for etcd/,
    );
  });
});

describe('startProcess', () => {
  it('names the binary that is not there', async () => {
    await expect(start('', { command: ['/nowhere/etcd'], lifetime: 'detached' })).rejects.toThrow(
      'it did not start: spawn /nowhere/etcd ENOENT',
    );
  });

  it.each([
    ['parent', false],
    ['detached', true],
  ] as const)('a process with lifetime %s outlives a killed parent: %s', async (lifetime, outlives) => {
    const spec: ProcessSpec = {
      name: 'it',
      command: ['sh', '-c', 'echo up; exec sleep 60'],
      logFile: join(dir, 'log'),
      lifetime,
    };
    const script = `
      const { startProcess } = await import(${JSON.stringify(new URL('process.ts', import.meta.url).href)});
      console.log(JSON.stringify(await startProcess(${JSON.stringify(spec)})));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const record = JSON.parse(line.toString()) as ProcessRecord;
    started.push(record);
    await untilReady(record, said('up'), { deadlineMs: 5000 });
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const deadline = performance.now() + 2000;
    while (!outlives && (await isAlive(record)) && performance.now() < deadline) await delay(20);
    expect(await isAlive(record)).toBe(outlives);
  });
});
