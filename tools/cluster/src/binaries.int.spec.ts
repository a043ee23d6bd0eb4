import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { versions } from './versions.ts';

// Each caller is a process of its own, and `go` a script that writes what it was asked for.
let dir: string;
let callers: ChildProcess[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'binaries-spec-'));
  callers = [];
  await mkdir(join(dir, 'bin'));
});

afterEach(async () => {
  for (const caller of callers) caller.kill('SIGKILL');
  await rm(dir, { recursive: true });
});

async function goIs(script: string): Promise<void> {
  await writeFile(join(dir, 'bin', 'go'), `#!/bin/sh\necho "$*" >> ${dir}/calls\n${script}\n`, { mode: 0o755 });
}

const goWorks = 'sleep 0.3; echo binary > $GOBIN/helm; chmod +x $GOBIN/helm';

function ensureHelm() {
  const script = `
    const { ensureBinaries } = await import(${JSON.stringify(new URL('binaries.ts', import.meta.url).href)});
    const stop = new AbortController();
    process.on('SIGTERM', () => stop.abort(new Error('interrupted')));
    const options = { log: (line) => console.error(line), signal: stop.signal };
    const said = await ensureBinaries(['helm'], options).then(({ helm }) => helm, (error) => 'failed: ' + error.message);
    console.log(said);
    process.exit();`;
  const caller = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: `${join(dir, 'bin')}:/usr/bin:/bin`, HOME: dir, TSGATEWAY_CACHE_DIR: join(dir, 'cache') },
  });
  callers.push(caller);
  let text = '';
  caller.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { caller, said: once(caller, 'close').then(() => text.trimEnd()) };
}

const calls = async () => (await readFile(join(dir, 'calls'), 'utf8')).trimEnd().split('\n');
const cached = async () => (await readdir(join(dir, 'cache'))).filter((entry) => !entry.endsWith('.lock'));

describe('ensureBinaries', () => {
  it('builds what is missing, once for all who ask at the same time', async () => {
    await goIs(goWorks);
    const path = join(dir, 'cache', `helm-${versions.helm}`, 'helm');
    const both = [ensureHelm(), ensureHelm()];
    expect(await Promise.all(both.map(({ said }) => said))).toEqual([path, path]);
    expect(await calls()).toEqual([`install -trimpath -ldflags=-s -w helm.sh/helm/v3/cmd/helm@v${versions.helm}`]);
    expect(await ensureHelm().said).toBe(path);
    expect(await calls()).toHaveLength(1);
  });

  it('says what Go said, and leaves nothing half-made', async () => {
    await goIs('echo half > $GOBIN/helm; echo "no such module" >&2; exit 1');
    expect(await ensureHelm().said).toMatch(/^failed: go install -trimpath ended with exit code 1\nno such module$/);
    expect(await cached()).toEqual([]);
  });

  it('ends the build when it is interrupted', async () => {
    await goIs(`echo $$ > ${dir}/pid; sleep 60`);
    const { caller, said } = ensureHelm();
    const deadline = performance.now() + 10_000;
    const pid = async () => Number(await readFile(join(dir, 'pid'), 'utf8').catch(() => '0'));
    while ((await pid()) === 0 && performance.now() < deadline) await delay(20);
    caller.kill('SIGTERM');
    expect(await said).toBe('failed: interrupted');
    const state = await readFile(`/proc/${await pid()}/stat`, 'utf8').catch(() => 'gone');
    expect(state).toMatch(/^gone$|\) Z /);
    expect(await cached()).toEqual([]);
  });

  it('whoever waits goes on when the builder is killed', async () => {
    await goIs(`[ -e ${dir}/calls.first ] || { touch ${dir}/calls.first; sleep 60; }; ${goWorks}`);
    const first = ensureHelm();
    const deadline = performance.now() + 10_000;
    const begun = () => readFile(join(dir, 'calls.first')).then(Boolean, () => false);
    while (!(await begun()) && performance.now() < deadline) await delay(20);
    const second = ensureHelm();
    first.caller.kill('SIGKILL');
    expect(await second.said).toBe(join(dir, 'cache', `helm-${versions.helm}`, 'helm'));
    expect(await calls()).toHaveLength(2);
  });
});
