import { afterEach, describe, expect, it } from '@jest/globals';
import { type Machine, targetId } from '@tsgateway/model';
import { Backend, CheckerProcess, eventually, type HealthWatch, Operator } from './testing/stubs.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const machine = (port: number, more: Partial<Machine> & { path?: string; intervalMs?: number } = {}): Machine => {
  const { path = '/health', intervalMs = 100, ...rest } = more;
  return {
    id: `web/${port}`,
    host: '127.0.0.1',
    port,
    protocol: 'HTTP',
    weight: 1,
    probe: { path, intervalMs, timeoutMs: 1_000, healthyThreshold: 2, unhealthyThreshold: 2 },
    ...rest,
  };
};

async function backend(): Promise<Backend> {
  const started = await new Backend().start();
  closers.push(() => started.kill());
  return started;
}

async function setUp(services: Record<string, Machine[]>) {
  const operator = await new Operator().start();
  closers.push(() => operator.close());
  operator.set(services);
  const checker = new CheckerProcess({ OPERATOR_ADDRESS: operator.address });
  closers.push(() => checker.stop());
  const watch = await checker.watch();
  closers.push(() => watch.close());
  return { operator, checker, watch };
}

const health = (watch: HealthWatch, m: Machine): boolean | undefined => watch.targets.get(targetId(m) ?? '')?.healthy;

/** A busy machine may run timers this much late; the product's own promise does not include it. */
const noiseMs = 400;

describe('health checker', () => {
  it('reports a dead backend within its thresholds, its return, and nothing in between', async () => {
    const web = await backend();
    const m = machine(web.port, { intervalMs: 300 });
    const { watch } = await setUp({ web: [m] });
    await eventually('the backend is healthy', () => health(watch, m) === true);
    expect(watch.updates[0]).toMatchObject({ snapshot: true });

    const before = watch.updates.length;
    const probes = web.probes;
    await eventually('five more probes', () => web.probes >= probes + 5);
    expect(watch.updates).toHaveLength(before);

    const killedAt = Date.now();
    web.kill();
    await eventually('the backend is unhealthy', () => health(watch, m) === false);
    expect(Date.now() - killedAt).toBeLessThan(2 * 300 + 100 + noiseMs);
    const dead = watch.targets.get(targetId(m) ?? '');
    expect(dead).toMatchObject({ successiveFailures: 2, successiveSuccesses: 0 });
    expect(dead?.transitions.map((t) => t.healthy)).toEqual([false]);
    expect(dead?.recentFailures.map((f) => f.errorType)).toEqual(['ConnectionRefused', 'ConnectionRefused']);

    await web.start();
    await eventually('the backend is healthy again', () => health(watch, m) === true);
    expect(watch.targets.get(targetId(m) ?? '')?.transitions.map((t) => t.healthy)).toEqual([false, true]);
    expect(watch.updates).toHaveLength(before + 2);
  });

  it('gives every reader all it knows first, under one identity and the epoch of the model', async () => {
    const web = await backend();
    const m = machine(web.port);
    const { checker, watch } = await setUp({ web: [m] });
    await eventually('the backend is healthy', () => health(watch, m) === true);
    const second = await checker.watch();
    closers.push(() => second.close());
    await eventually('the second reader has its snapshot', () => second.updates.length === 1);
    expect(second.updates[0]).toMatchObject({ snapshot: true, epoch: 7n, targets: [{ target: targetId(m) }] });
    expect(second.updates[0]?.checker).toBe(watch.updates[0]?.checker);
  });

  it('is not held up by backends that hang', async () => {
    const [web, hung] = [await backend(), await backend()];
    hung.status = undefined;
    const m = machine(web.port);
    const stuck = Array.from({ length: 200 }, (_, i) => machine(hung.port, { id: `web/hung-${i}`, path: `/${i}` }));
    const { watch } = await setUp({ web: [m], stuck });
    await eventually('the good backend is healthy', () => health(watch, m) === true);
    await eventually('all the others hang', () => hung.probes >= 200);
    const before = { good: web.probes, at: Date.now() };
    await eventually('the hanging ones are unhealthy', () => stuck.every((s) => health(watch, s) === false));
    // One probe each 100 ms, whatever the others do; half of them for noise.
    expect(web.probes - before.good).toBeGreaterThan((Date.now() - before.at) / 100 / 2);
    expect(watch.targets.get(targetId(stuck[0]!) ?? '')?.recentFailures.at(-1)).toMatchObject({ errorType: 'Timeout' });
    expect(health(watch, m)).toBe(true);
  });

  it('goes on while the operator is away, and stays ready', async () => {
    const web = await backend();
    const m = machine(web.port);
    const { operator, checker, watch } = await setUp({ web: [m] });
    await eventually('the backend is healthy', () => health(watch, m) === true);
    await operator.close();
    await eventually('it says so', async () =>
      (await checker.get('/readyz?verbose')).body.includes('operator is away'),
    );
    web.kill();
    await eventually('the backend is unhealthy', () => health(watch, m) === false);
    expect((await checker.get('/readyz')).status).toBe(200);
    expect((await checker.get('/metrics')).body).toMatch(/^health_checker_model_connected 0$/m);
  });

  it('counts probes of an up and of a down target, from zero on, until they are not wanted any more', async () => {
    const [up, down] = [await backend(), await backend()];
    down.status = 503;
    const machines = [
      machine(up.port),
      machine(down.port),
      machine(1, { protocol: 'TCP', intervalMs: 60_000 }),
    ] as const;
    const { operator, checker, watch } = await setUp({ web: [machines[0]], api: [machines[1]], idle: [machines[2]] });
    await eventually('both are known', () => watch.targets.size === 2);

    const { body } = await checker.get('/metrics');
    const value = (metric: string, labels: string): number | undefined => {
      const line = body.split('\n').find((l) => l.startsWith(`${metric}{${labels}`));
      return line === undefined ? undefined : Number(line.split(' ').at(-1));
    };
    const labels = (service: string, port: number, protocol = 'HTTP'): string =>
      `service="${service}",namespace="shop",endpoint="127.0.0.1:${port}",protocol="${protocol}"`;
    expect(value('health_check_success_total', labels('web', up.port))).toBeGreaterThan(0);
    expect(value('health_check_failure_total', `${labels('web', up.port)},reason="HTTPError"`)).toBe(0);
    expect(value('health_check_success_total', labels('api', down.port))).toBe(0);
    expect(value('health_check_failure_total', `${labels('api', down.port)},reason="HTTPError"`)).toBeGreaterThan(1);
    expect(value('health_check_duration_seconds_count', labels('api', down.port))).toBeGreaterThan(1);
    expect(value('health_check_success_total', labels('idle', 1, 'TCP'))).toBe(0);
    expect(body).toMatch(/^health_checker_targets\{state="unhealthy"\} 1$/m);

    operator.set({ web: [machines[0]] });
    await eventually('the targets are gone', () => watch.targets.size === 1);
    const gone = [targetId(machines[1]), targetId(machines[2])];
    expect(watch.updates.at(-1)).toMatchObject({ snapshot: false, targets: [], removed: gone });
    const after = (await checker.get('/metrics')).body;
    expect(after).not.toContain('service="api"');
    expect(after).toContain(`health_check_success_total{${labels('web', up.port)}}`);
  });

  it('is alive at once, ready with its first model, and gone soon after SIGTERM', async () => {
    const checker = new CheckerProcess({ OPERATOR_ADDRESS: '127.0.0.1:1' });
    expect(await checker.get('/healthz')).toEqual({ status: 200, body: 'ok\n' });
    expect(await checker.get('/readyz')).toMatchObject({
      status: 503,
      body: expect.stringContaining('[-]model failed'),
    });
    const stoppedAt = Date.now();
    expect(await checker.stop()).toBe(0);
    expect(Date.now() - stoppedAt).toBeLessThan(2_000);
    expect(checker.stderr).toBe('');
  });

  it('says in one line what is wrong with its configuration', async () => {
    const checker = new CheckerProcess({ OPERATOR_ADDRESS: 'operator' });
    expect(await checker.exit()).toBe(1);
    expect(checker.stderr).toBe(
      'health-checker: environment variable OPERATOR_ADDRESS: "operator" is no good: must be host:port\n',
    );
    expect(checker.lines).toEqual([]);
  });

  it('says in one line that its port is taken', async () => {
    const web = await backend();
    const checker = new CheckerProcess({ OPERATOR_ADDRESS: '127.0.0.1:1', GRPC_PORT: String(web.port) });
    expect(await checker.exit()).toBe(1);
    expect(checker.stderr).toMatch(/^health-checker: cannot serve gRPC on 127\.0\.0\.1:\d+: .*\n$/);
  });
});
