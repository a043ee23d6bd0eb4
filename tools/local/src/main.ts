import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Child } from './child.ts';
import { Interrupted, onInterruption } from './interruption.ts';
import { loadManifests, type Manifest } from './manifests.ts';
import { runOnce } from './once.ts';
import { type Options, parseOptions, usage, UsageError } from './options.ts';
import { untilServed } from './serving.ts';
import { startStack } from './stack.ts';
import { nameOf, targetsOf } from './target.ts';
import { watch } from './watch/watch.ts';

const dist = fileURLToPath(new URL('../..', import.meta.url));
/** How long services may take until they are served. Who can look at them, and mend them, need not wait. */
const servedDeadlineMs = { once: 30_000, watched: 8000 };

process.exitCode = await main(process.argv.slice(2));

/** @returns the exit code: 0 as promised, 1 not, 2 a mistake of the user's, 128 + n interrupted by signal n */
async function main(argv: readonly string[]): Promise<number> {
  const children: Child[] = [];
  const stop = new AbortController();
  onInterruption(process, {
    onFirst: (why) => stop.abort(why),
    onAgain: () => children.forEach((c) => c.hurry()),
  });
  let options: Options;
  let manifests: Manifest[];
  try {
    options = parseOptions(argv);
    if (options.help) {
      console.log(usage);
      return 0;
    }
    manifests = loadManifests(options.files);
    if (options.once && targetsOf(manifests).length === 0) {
      throw new UsageError(
        `no HTTPRoute with a TailscaleServices in ${options.files.join(', ')}: nothing to run --once`,
      );
    }
  } catch (error) {
    return explain(error);
  }

  const workDir = mkdtempSync(join(tmpdir(), 'tailscale-gateway-'));
  let code: number;
  try {
    code = await run({ options, manifests, workDir, children, stop });
  } catch (error) {
    code = explain(stop.signal.aborted ? stop.signal.reason : error);
    if (code === 1 && options.json) console.log(JSON.stringify({ ok: false, error: messageOf(error) }));
  }
  for (const child of children.reverse()) await child.stop();
  if (code === 1) process.stderr.write(`The logs are in ${join(workDir, 'logs')}\n`);
  else rmSync(workDir, { recursive: true, force: true });
  return code;
}

interface Run {
  readonly options: Options;
  readonly manifests: readonly Manifest[];
  readonly workDir: string;
  /** Gets every process that is started. */
  readonly children: Child[];
  readonly stop: AbortController;
}

/** Starts everything, then runs the scenario, or shows what happens until it is stopped. @returns the exit code */
async function run({ options, manifests, workDir, children, stop }: Run): Promise<number> {
  const { signal } = stop;
  const startedAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedAt);
  const progress = (line: string) =>
    void process.stderr.write(`${(elapsedMs() / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  const stack = await startStack({
    options,
    manifests,
    dist,
    workDir,
    progress,
    onChild: (child) => children.push(child),
    onFatal: (error) => stop.abort(error),
    signal,
  });

  const targets = targetsOf(manifests);
  if (targets.length === 0) progress('no HTTPRoute with a TailscaleServices: nothing is served yet');
  const deadlineMs = options.once ? servedDeadlineMs.once : servedDeadlineMs.watched;
  const waited = await Promise.all(
    targets.map(async (target) => ({
      target,
      why: await untilServed(stack, target, {
        deadlineMs,
        signal,
        onWait: (why) => progress(`waiting: ${why}`),
      }),
    })),
  );
  const served = waited.filter((w) => w.why === undefined);
  const unserved = waited.flatMap((w) => w.why ?? []);
  if (served.length > 0) progress(`serving: ${served.map((w) => nameOf(w.target)).join(', ')}`);

  if (!options.once) {
    await watch({ stack, targets, startedAt, signal });
    if (signal.reason instanceof Interrupted) return 0; // that is how it ends
    throw signal.reason;
  }
  if (unserved.length > 0) throw new Error(`not served within ${deadlineMs / 1000} s: ${unserved.join('; ')}`);
  const result = await runOnce({
    stack,
    targets,
    requests: options.requests,
    startupMs: elapsedMs(),
    signal,
    progress,
  });
  if (options.json) console.log(JSON.stringify(result));
  progress(result.ok ? 'all as promised' : 'not as promised');
  return result.ok ? 0 : 1;
}

/** Says in one line on stderr why it did not work. @returns the exit code */
function explain(error: unknown): number {
  if (error instanceof Interrupted) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  const mistake = error instanceof UsageError;
  process.stderr.write(`${mistake ? 'error' : 'failed'}: ${messageOf(error)}\n`);
  return mistake ? 2 : 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
