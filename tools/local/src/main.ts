import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { until } from './condition.ts';
import { loadManifests, type Manifest } from './manifests.ts';
import { parseOptions, usage, UsageError } from './options.ts';
import { runScenario } from './scenario.ts';
import { type Stack, startStack } from './stack.ts';
import { Table } from './table.ts';
import { servicesRef, type Target, targetsOf } from './target.ts';

const dist = fileURLToPath(new URL('../..', import.meta.url));
const readyDeadlineMs = 60_000;

process.exitCode = await main(process.argv.slice(2));

/** @returns the exit code */
async function main(argv: readonly string[]): Promise<number> {
  const stops: (() => Promise<void>)[] = [];
  const abort = new AbortController();
  let workDir: string | undefined;
  let code = 1;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => abort.abort());
  try {
    const options = parseOptions(argv);
    if (options.help) {
      console.log(usage);
      return 0;
    }
    const manifests = loadManifests(options.files);
    const startedAt = performance.now();
    workDir = mkdtempSync(join(tmpdir(), 'tailscale-gateway-'));
    const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1);
    const progress = (line: string) => process.stderr.write(`${seconds().padStart(6)} s  ${line}\n`);
    const stack = await startStack({
      options,
      manifests,
      dist,
      workDir,
      progress,
      onStop: (stop) => stops.unshift(stop),
      signal: abort.signal,
    });
    const targets = targetsOf(manifests);
    for (const target of targets) await untilServed(stack, target, abort.signal);
    progress(
      `serving: ${targets.map((t) => `${t.namespace}/${t.name}`).join(', ') || 'no route to a TailscaleServices'}`,
    );
    if (!options.once) {
      await new Table(stack, manifests).show(abort.signal);
      return (code = 0);
    }
    return (code = await once({ stack, targets, manifests, startupMs: Math.round(performance.now() - startedAt) }));

    async function once(at: { stack: Stack; targets: Target[]; manifests: readonly Manifest[]; startupMs: number }) {
      const results = [];
      for (const target of at.targets) {
        progress(`${target.namespace}/${target.name}`);
        const onStep = (s: { ok: boolean; step: string; seen: string }) =>
          progress(`  ${s.ok ? 'ok  ' : 'FAIL'} ${s.step}: ${s.seen}`);
        results.push(
          await runScenario({ stack: at.stack, target, requests: options.requests, signal: abort.signal, onStep }),
        );
      }
      const ok = results.length > 0 && results.every((r) => r.ok);
      const { kind, detail } = at.stack.dataPlane;
      const scenarioMs = Math.round(performance.now() - startedAt) - at.startupMs;
      if (options.json) {
        console.log(
          JSON.stringify({ ok, dataPlane: { kind, detail }, startupMs: at.startupMs, scenarioMs, services: results }),
        );
      }
      progress(ok ? 'all as promised' : 'not as promised');
      return ok ? 0 : 1;
    }
  } catch (error) {
    if (abort.signal.aborted) return (code = 0);
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${error instanceof UsageError ? 'error' : 'failed'}: ${message}\n`);
    return (code = error instanceof UsageError ? 2 : 1);
  } finally {
    for (const stop of stops) await stop();
    if (workDir !== undefined && code === 1) process.stderr.write(`The logs are in ${join(workDir, 'logs')}\n`);
    else if (workDir !== undefined) rmSync(workDir, { recursive: true, force: true });
  }
}

/** Its status says Ready, and a request gets through. */
async function untilServed(stack: Stack, target: Target, signal: AbortSignal): Promise<void> {
  const name = `${target.namespace}/${target.name}`;
  await until(
    async () => {
      const object = await stack.client.get<{ status?: { conditions?: { type: string; status: string }[] } }>(
        servicesRef(target),
      );
      return object.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
    },
    { what: `TailscaleServices ${name} Ready`, deadlineMs: readyDeadlineMs, everyMs: 50, signal },
  );
  await until(
    async () => {
      const answer = await request(stack.gatewayUrl + target.path, {
        headers: target.host === undefined ? {} : { host: target.host },
        signal: AbortSignal.timeout(2000),
      });
      const body = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${body}`);
      return true;
    },
    { what: `a request to ${name} through the gateway`, deadlineMs: readyDeadlineMs, everyMs: 50, signal },
  );
}
