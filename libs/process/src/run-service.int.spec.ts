import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, it } from '@jest/globals';

const demo = fileURLToPath(new URL('testing/demo-service.ts', import.meta.url));
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly exit: Promise<number | null>;

  constructor(env: Record<string, string>) {
    this.child = spawn(process.execPath, ['--no-warnings', demo], {
      env: { BIND_HOST: '127.0.0.1', METRICS_BIND_ADDRESS: ':0', HEALTH_PROBE_BIND_ADDRESS: ':0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(this.child);
    this.child.stdout?.on('data', (data) => (this.stdout += String(data)));
    this.child.stderr?.on('data', (data) => (this.stderr += String(data)));
    this.exit = new Promise((resolve) => this.child.once('close', resolve));
  }

  get lines(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  get messages(): unknown[] {
    return this.lines.map((line) => line['msg']);
  }

  async until(msg: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!this.stdout.includes(`"${msg}"`)) {
      if (Date.now() > deadline) throw new Error(`no "${msg}" in ${this.stdout} ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Where the listener of this variable listens. */
  address(variable: string): string {
    const line = this.lines.find((l) => l['msg'] === `Listening (${variable})`);
    return `http://${(line?.['addresses'] as string[])[0]}`;
  }
}

describe('runService', () => {
  it('serves probes and metrics, logs one object a line, and ends with 0 on SIGTERM', async () => {
    const service = new Running({ CLUSTER_NAME: 'east' });
    await service.until('Started demo');
    const probes = service.address('HEALTH_PROBE_BIND_ADDRESS');
    const ready = await fetch(`${probes}/readyz?verbose`);
    expect([ready.status, await ready.text()]).toEqual([200, '[+]lifecycle ok: running\n[+]demo ok: as told\nok\n']);
    const metrics = await (await fetch(`${service.address('METRICS_BIND_ADDRESS')}/metrics`)).text();
    expect(metrics).toMatch(/^process_cpu_seconds_total /m);
    expect(metrics).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(metrics).toMatch(/^tsgateway_build_info\{service="demo",version="v[^"]+"/m);

    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    expect(service.stderr).toBe('');
    expect(service.messages).toEqual(expect.arrayContaining(['Starting demo', 'Stopping', 'last part stopped']));
    expect(service.messages.at(-1)).toBe('Stopped');
    expect(service.lines.find((l) => l['msg'] === 'last part stopped')).toMatchObject({ aborted: true });
    for (const line of service.lines) {
      expect(Object.keys(line).slice(0, 4)).toEqual(['ts', 'level', 'logger', 'msg']);
      expect(line).toMatchObject({ component: 'tailscale-gateway', cluster: 'east', version: expect.any(String) });
      expect(line['ts']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    }
  });

  it('answers 503 while it stops, and ends with 1 on a second signal', async () => {
    const service = new Running({ STOP: 'hang' });
    await service.until('Started demo');
    service.child.kill('SIGINT');
    await service.until('Stopping');
    const ready = await fetch(`${service.address('HEALTH_PROBE_BIND_ADDRESS')}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('stopping: SIGINT')]);
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(1);
  });

  it('ends with 0 and stops the rest although one part fails to stop', async () => {
    const service = new Running({ STOP: 'throw' });
    await service.until('Started demo');
    service.child.kill('SIGTERM');
    expect(await service.exit).toBe(0);
    expect(service.messages).toEqual(expect.arrayContaining(['A part did not stop cleanly', 'last part stopped']));
  });

  it.each([
    ['a bad variable', { LOG_LEVEL: 'loud' }, /^demo: environment variable LOG_LEVEL: "loud" .*\n$/],
    ['a start that fails', { START: 'throw' }, /^demo: cannot start at all\n$/],
  ])('ends with 1 and one line on stderr after %s', async (_, env, stderr) => {
    const service = new Running(env);
    expect(await service.exit).toBe(1);
    expect(service.stderr).toMatch(stderr);
  });

  it('ends with 1 and names the variable when a port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = taken.address() as AddressInfo;
      const service = new Running({ METRICS_BIND_ADDRESS: `127.0.0.1:${port}` });
      expect(await service.exit).toBe(1);
      expect(service.stderr).toMatch(/^demo: cannot listen on 127\.0\.0\.1:\d+; change METRICS_BIND_ADDRESS .*\n$/);
    } finally {
      taken.close();
    }
  });

  it.each(['reject-later', 'throw-later'])('ends with 1 after an error that nobody handles (%s)', async (how) => {
    const service = new Running({ START: how });
    expect(await service.exit).toBe(1);
    expect(service.lines.at(-1)).toMatchObject({ level: 'ERROR', err: { message: 'late' } });
  });
});
