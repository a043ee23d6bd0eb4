import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Child } from './child.ts';
import { until } from './condition.ts';
import { Load } from './load.ts';
import { loadManifests } from './manifests.ts';
import { parseOptions } from './options.ts';
import { isReady, serviceNames, type Stack, startStack } from './stack.ts';

const enough = 200;

/** Enough requests to show something were answered from now on. */
async function untilMore(load: Load): Promise<void> {
  const wanted = load.ended + enough;
  await until(() => load.ended >= wanted, { what: `${enough} more requests`, deadlineMs: 10_000 });
}

/** Traffic must not care which of the four services dies: Envoy Gateway and Envoy keep what they have. */
describe.each(['node', 'auto'])('SIGKILL of each service under load, data plane %s', (plane) => {
  const children: Child[] = [];
  let stack: Stack;
  let workDir: string;

  beforeAll(async () => {
    const options = parseOptions(['--file', 'examples/failover', '--data-plane', plane]);
    workDir = mkdtempSync(join(tmpdir(), 'tailscale-gateway-resilience-'));
    stack = await startStack({
      workDir,
      options,
      manifests: loadManifests(options.files),
      dist: 'dist',
      progress: () => undefined,
      onChild: (child) => children.unshift(child),
      onFatal: (error) => {
        throw error;
      },
      signal: AbortSignal.timeout(120_000),
    });
    await until(async () => (await fetch(stack.gatewayUrl)).ok, { what: 'the gateway serves', deadlineMs: 30_000 });
  }, 120_000);

  afterAll(async () => {
    for (const child of children) await child.stop();
    rmSync(workDir, { recursive: true, force: true });
  }, 60_000);

  it.each(serviceNames)(
    '%s: no request fails, and it comes back by itself',
    async (name) => {
      const service = stack.services[name];
      const before = service.pid;
      const load = new Load({ origin: stack.gatewayUrl, path: '/', concurrency: 4 }).start();
      await untilMore(load);
      await service.crash();
      await until(async () => service.pid !== before && (await isReady(name, stack.ports)), {
        what: `${name} ready again`,
        deadlineMs: 30_000,
      });
      await untilMore(load);
      const result = await load.stop();
      process.stderr.write(
        `${plane}, ${name}: ${result.requests} requests, ${result.failures.length} failed, p99 ${result.p99Ms} ms\n`,
      );
      expect(result.failures).toEqual([]);
    },
    60_000,
  );

  it('after all that, a killed primary still fails over', async () => {
    const primaries = stack.backends.filter((b) => !b.id.startsWith('api-central/'));
    await Promise.all(primaries.map((b) => b.kill()));
    await until(async () => (await fetch(stack.gatewayUrl)).headers.get('x-backend') === 'api-central/api-central-0', {
      what: 'the secondary serves',
      deadlineMs: 10_000,
    });
  }, 30_000);
});
