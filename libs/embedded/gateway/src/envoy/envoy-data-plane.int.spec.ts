import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataPlane } from '../data-plane.ts';
import { TestBackend } from '../testing/backend.ts';
import { TestEdsServer } from '../testing/eds-server.ts';
import { eventually } from '../testing/eventually.ts';
import { edsCluster, freePort, silent, snapshotOf, toCluster } from '../testing/snapshots.ts';
import { startEnvoy } from './envoy-data-plane.ts';
import { findEnvoy } from './find-envoy.ts';

const found = await findEnvoy({ env: process.env });
const withEnvoy = 'binary' in found ? describe : describe.skip;
if ('reason' in found) process.stderr.write(`skipped: the specs with Envoy, as ${found.reason}\n`);
const binary = 'binary' in found ? found.binary : '';

withEnvoy('Envoy', () => {
  const workDir = mkdtempSync(join(tmpdir(), 'gateway-envoy-'));
  const [a, b] = [new TestBackend('a'), new TestBackend('b')];
  const eds = new TestEdsServer();
  let plane: DataPlane;
  let edsAddress: string;
  let port: number;
  const get = (path: string): Promise<string> =>
    fetch(`http://127.0.0.1:${port}${path}`).then(async (r) => `${r.status} ${await r.text()}`);

  beforeAll(async () => {
    await Promise.all([a.listen(), b.listen()]);
    edsAddress = await eds.listen();
    port = await freePort();
    eds.set('one', [{ port: a.port }]);
    eds.set('two', [{ port: b.port }]);
    plane = await startEnvoy({ binary, workDir, gateway: 'apps/edge', eds: edsAddress, log: silent });
  });

  afterAll(async () => {
    await plane.close();
    for (const end of [a, b, eds]) end.close();
    rmSync(workDir, { recursive: true });
  });

  it('serves the first snapshot as soon as it is applied', async () => {
    await plane.apply(snapshotOf(port, [edsCluster('one')], [toCluster('one')]));
    expect(await get('/')).toBe('200 a');
  });

  it('moves a route to a new cluster without losing a request', async () => {
    const answers = new Map<string, number>();
    let running = true;
    const load = Promise.all(
      [1, 2, 3, 4].map(async () => {
        while (running) {
          const answer = await get('/');
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
        }
      }),
    );
    for (let i = 0; i < 5; i++) {
      await plane.apply(snapshotOf(port, [edsCluster('two')], [toCluster('two')]));
      await plane.apply(snapshotOf(port, [edsCluster('one')], [toCluster('one')]));
    }
    running = false;
    await load;
    expect([...answers.keys()].sort()).toEqual(['200 a', '200 b']);
  });

  it('follows endpoints at once, and counts', async () => {
    eds.set('one', [{ port: b.port }]);
    await eventually(async () => expect(await get('/')).toBe('200 b'));
    const [stats] = (await plane.stats()).filter((s) => s.cluster === 'one');
    expect(stats).toMatchObject({ address: `127.0.0.1:${b.port}`, healthy: true, errors: 0 });
    expect(stats?.requests).toBeGreaterThan(0);
    eds.set('one', [{ port: b.port, health: 2 }]);
    await eventually(async () => expect(await get('/')).toBe('503 no healthy upstream'));
    expect((await plane.stats()).find((s) => s.cluster === 'one')?.healthy).toBe(false);
    eds.set('one', [{ port: a.port }]);
    await eventually(async () => expect(await get('/')).toBe('200 a'));
  });

  it('tells what Envoy refuses, and goes on with what it had', async () => {
    const bad = toCluster('one');
    const invalid = { ...bad, match: { pathSpecifier: { $case: 'safeRegex' as const, value: { regex: '(' } } } };
    await expect(plane.apply(snapshotOf(port, [edsCluster('one')], [invalid]))).rejects.toThrow(/RouteConfiguration/);
    expect(await get('/')).toBe('200 a');
    await plane.apply(snapshotOf(port, [edsCluster('one')], [toCluster('one')]));
  });

  it('comes back with its configuration when it is killed', async () => {
    const pid = Number(readFileSync(join(workDir, 'envoy.pid'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await eventually(async () => expect(await get('/')).toBe('200 a'), 20_000);
    expect(Number(readFileSync(join(workDir, 'envoy.pid'), 'utf8'))).not.toBe(pid);
  });

  it('says so when Envoy ends at its start', async () => {
    const folder = join(workDir, 'second');
    const failing = startEnvoy({ binary: '/bin/false', workDir: folder, gateway: 'x/y', eds: edsAddress, log: silent });
    await expect(failing).rejects.toThrow('Envoy ended at its start (exit code 1): it logged nothing');
  });
});
