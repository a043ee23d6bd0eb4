import type { TailscaleServices } from '@tsgateway/api';
import { machinesOf, type MeshService } from '@tsgateway/model';
import { until } from './condition.ts';
import type { DemoBackend } from './demo-backends.ts';
import { Load, type LoadResult } from './load.ts';
import type { Stack } from './stack.ts';
import { endpointsRef, promisedShares, serviceOf, servicesRef, type Target } from './target.ts';

/** One thing that was tried, what was seen, and whether it is as promised. */
export interface Step {
  readonly step: string;
  readonly ok: boolean;
  /** One sentence. */
  readonly seen: string;
  readonly [figure: string]: unknown;
}

export interface ServiceResult {
  readonly service: string;
  readonly strategy: string;
  readonly ok: boolean;
  readonly steps: readonly Step[];
}

export interface Scenario {
  readonly stack: Stack;
  readonly target: Target;
  readonly requests: number;
  readonly signal: AbortSignal;
  /** Told of each step as it ends. */
  readonly onStep: (step: Step) => void;
}

const concurrency = 8;
/** How far a share may be from what the strategy promises. */
const tolerance = 0.01;
/** Least-connections picks among equals at random: only a slow backend shows the strategy. */
const looseTolerance = 0.15;
/** For processes and timers, on top of what the configuration says. */
const slackMs = 100;
const settleDeadlineMs = 20_000;

/** Runs every step that fits the service. A step that fails ends it: what follows would mean nothing. */
export async function runScenario(scenario: Scenario): Promise<ServiceResult> {
  const { stack, target } = scenario;
  const service = await serviceOf(stack, target);
  const steps: Step[] = [];
  const candidates = [shares, slowBackend, changeStrategy, relabel, killAndReturn];
  for (const candidate of candidates) {
    for (const step of await candidate(scenario, service).catch(asFailure)) {
      steps.push(step);
      scenario.onStep(step);
    }
    if (steps.some((s) => !s.ok)) break;
  }
  return {
    service: `${target.namespace}/${target.name}`,
    strategy: service.strategy,
    ok: steps.every((s) => s.ok),
    steps,
  };
}

const asFailure = (error: unknown): Step[] => [
  { step: 'error', ok: false, seen: error instanceof Error ? error.message : String(error) },
];

/** A fixed number of requests: each machine's share against what the strategy promises. */
async function shares(scenario: Scenario, service: MeshService): Promise<Step[]> {
  return [await measureShares(scenario, { service, step: 'shares', down: new Set() })];
}

async function measureShares(
  scenario: Scenario,
  what: { service: MeshService; step: string; down: ReadonlySet<string> },
): Promise<Step> {
  const promised = promisedShares(what.service, what.down);
  const result = await load(scenario).start(scenario.requests).finished();
  const answered = result.requests - result.failures.length;
  const shares = [...promised].map(([machine, share]) => {
    const got = result.byBackend.get(machine) ?? 0;
    return { machine, promised: round(share), got: round(got / Math.max(answered, 1)), requests: got };
  });
  const allowed = what.service.strategy === 'least-connections' ? looseTolerance : tolerance;
  const off = Math.max(...shares.map((s) => Math.abs(s.promised - s.got)));
  const table = shares.map((s) => `${s.machine} ${percent(s.got)} (promised ${percent(s.promised)})`).join(', ');
  return {
    step: what.step,
    ok: result.failures.length === 0 && off <= allowed,
    seen: `${result.requests} requests, ${result.failures.length} failed: ${table}`,
    requests: result.requests,
    failed: result.failures.length,
    shares,
    maxDeviation: round(off),
    p99Ms: result.p99Ms,
  };
}

/** Least-connections only: a backend that is ten times slower gets less than a third of its even share. */
async function slowBackend(scenario: Scenario, service: MeshService): Promise<Step[]> {
  const own = demosOf(scenario, service);
  const slow = own[0];
  if (service.strategy !== 'least-connections' || !slow || own.length < 2) return [];
  const usualMs = 5;
  for (const b of own) b.slowDown(b === slow ? usualMs * 10 : usualMs);
  const result = await load(scenario, { concurrency: concurrency * 3 })
    .start(scenario.requests)
    .finished();
  for (const b of own) b.slowDown(0);
  const share = (result.byBackend.get(slow.id) ?? 0) / result.requests;
  const limit = 1 / own.length / 3;
  return [
    {
      step: 'slow-backend',
      ok: result.failures.length === 0 && share < limit,
      seen: `${slow.id}, 10 times slower, got ${percent(share)} (even: ${percent(1 / own.length)}, limit ${percent(limit)})`,
      share: round(share),
      evenShare: round(1 / own.length),
      failed: result.failures.length,
    },
  ];
}

/** Under load: to another strategy that shows in the traffic, and back, without a failed request. */
async function changeStrategy(scenario: Scenario, service: MeshService): Promise<Step[]> {
  const { stack, target } = scenario;
  const only = service.groups.at(-1);
  if (service.groups.length < 2 || !only) return [];
  const before = await stack.client.get<TailscaleServices>(servicesRef(target));
  const { strategy, failoverConfig } = before.spec.loadBalancing;
  const other =
    strategy === 'failover'
      ? { strategy: 'round-robin' }
      : { strategy: 'failover', failoverConfig: { primaryEndpoints: [only.name], failbackDelay: '0s' } };
  const recent = new RecentAnswers();
  let appliedMs = 0;
  const result = await underLoad(scenario, recent, async () => {
    const startedAt = Date.now();
    await stack.client.merge(servicesRef(target), { spec: { loadBalancing: other } });
    const changed = {
      ...service,
      ...(strategy === 'failover' ? { strategy: 'round-robin' as const } : onlyGroup(service, only.name)),
    };
    await recent.untilServedBy(machinesWithShare(changed), { what: `${target.name}: traffic by ${other.strategy}` });
    appliedMs = recent.switchedAt - startedAt;
    const restored = { strategy, failoverConfig: failoverConfig ?? null };
    await stack.client.merge(servicesRef(target), { spec: { loadBalancing: restored } });
    await recent.untilServedBy(machinesWithShare(service), { what: `${target.name}: traffic by ${strategy} again` });
  });
  return [
    {
      step: 'strategy-change',
      ok: result.failures.length === 0,
      seen: `${strategy} to ${other.strategy} and back: traffic followed in ${appliedMs} ms, ${result.failures.length} of ${result.requests} requests failed`,
      to: other.strategy,
      appliedMs,
      requests: result.requests,
      failed: result.failures.length,
    },
  ];
}

const onlyGroup = (service: MeshService, name: string): Partial<MeshService> => ({
  strategy: 'failover',
  groups: service.groups.map((g) => ({ ...g, tier: g.name === name ? 0 : 2 })),
});

const machinesWithShare = (service: MeshService): Set<string> =>
  new Set([...promisedShares(service)].filter(([, share]) => share > 0).map(([id]) => id));

/** Under load: an endpoint that loses its label loses its traffic, and gets it back with the label. */
async function relabel(scenario: Scenario, service: MeshService): Promise<Step[]> {
  const { stack, target } = scenario;
  const serving = machinesWithShare(service);
  const groups = service.groups.filter((g) => g.source === 'endpoints' && g.machines.some((m) => serving.has(m.id)));
  const group = groups.at(-1);
  const spec = (await stack.client.get<TailscaleServices>(servicesRef(target))).spec.selector;
  const [label, value] = Object.entries(spec.matchLabels ?? {})[0] ?? [];
  if (groups.length < 2 || !group || label === undefined) return [];
  const ref = endpointsRef(target, group.name);
  const left = { ...service, groups: service.groups.filter((g) => g !== group) };
  const recent = new RecentAnswers();
  let goneMs = 0;
  let backMs = 0;
  const result = await underLoad(scenario, recent, async () => {
    const removedAt = Date.now();
    await stack.client.merge(ref, { metadata: { labels: { [label]: null } } });
    await recent.untilServedBy(machinesWithShare(left), { what: `${target.name}: no traffic to ${group.name}` });
    goneMs = recent.switchedAt - removedAt;
    const restoredAt = Date.now();
    await stack.client.merge(ref, { metadata: { labels: { [label]: value } } });
    await recent.untilServedBy(serving, { what: `${target.name}: traffic to ${group.name} again` });
    backMs = recent.switchedAt - restoredAt;
  });
  return [
    {
      step: 'relabel',
      ok: result.failures.length === 0,
      seen: `${group.name} left ${goneMs} ms after its label ${label} was removed, was back ${backMs} ms after it was restored, ${result.failures.length} of ${result.requests} requests failed`,
      endpoints: group.name,
      trafficGoneMs: goneMs,
      trafficBackMs: backMs,
      requests: result.requests,
      failed: result.failures.length,
    },
  ];
}

/**
 * Under load: SIGKILL to a backend (in `failover`: to all primaries). It costs at most the requests in flight, is out
 * of rotation by the health check's own terms, the others share by the strategy, and it returns when it is back: in
 * `failover` not before failbackDelay.
 */
async function killAndReturn(scenario: Scenario, service: MeshService): Promise<Step[]> {
  const { stack, target } = scenario;
  const serving = machinesWithShare(service);
  const own = demosOf(scenario, service).filter((b) => serving.has(b.id));
  const victims = service.strategy === 'failover' ? own : own.slice(0, 1);
  const machines = machinesOf(service).filter((m) => victims.some((v) => v.id === m.id));
  const probe = machines[0]?.probe;
  const down = new Set(victims.map((v) => v.id));
  const survivors = promisedShares(service, down);
  if (victims.length === 0 || !probe || ![...survivors].some(([id, share]) => share > 0 && !down.has(id))) return [];

  const recent = new RecentAnswers();
  const limitMs = probe.unhealthyThreshold * probe.intervalMs + slackMs;
  const addresses = new Set(machines.map((m) => `${m.host}:${m.port}`));
  let [killedAt, deadAt, inFlight, outAfterMs] = [0, 0, 0, 0];
  const killed = await underLoad(scenario, recent, async (running) => {
    await until(() => recent.count > 200, { what: 'load before the kill', deadlineMs: settleDeadlineMs });
    // A process that gets the signal takes a moment to die; until then requests are still in flight to it.
    killedAt = Date.now();
    const open = running.open;
    const startedBefore = running.started;
    await Promise.all(victims.map((v) => v.kill()));
    deadAt = Date.now();
    inFlight = open + running.started - startedBefore;
    await until(
      async () => !(await stack.stats()).some((s) => s.inRotation && isOf(target, s) && addresses.has(s.address)),
      {
        what: 'the killed backends out of rotation',
        deadlineMs: limitMs + settleDeadlineMs,
        everyMs: 5,
      },
    );
    outAfterMs = Date.now() - killedAt;
  });
  const lastFailureMs = Math.max(0, ...killed.failures.map((f) => f.endedAt - killedAt));
  const late = killed.failures.filter((f) => f.startedAt > deadAt).length;
  const steps: Step[] = [
    {
      step: 'kill',
      ok: killed.failures.length <= inFlight && late === 0 && outAfterMs <= limitMs,
      seen:
        `killed ${[...down].join(', ')}: ${killed.failures.length} failed of ${inFlight} in flight and ${killed.requests} in all, ` +
        `the last ${lastFailureMs} ms after; out of rotation after ${outAfterMs} ms (limit ${limitMs})`,
      backends: [...down],
      inFlight,
      failed: killed.failures.length,
      failedThatStartedLater: late,
      failures: tally(killed),
      lastFailureMs,
      outOfRotationMs: outAfterMs,
      limitMs,
    },
    await measureShares(scenario, { service, step: 'shares-while-down', down }),
  ];

  const back = new RecentAnswers();
  const notBeforeMs = service.strategy === 'failover' ? service.failbackDelayMs : 0;
  let backAfterMs = 0;
  const returned = await underLoad(scenario, back, async () => {
    await Promise.all(victims.map((v) => v.start()));
    const startedAt = Date.now();
    const dueMs = notBeforeMs + (probe.healthyThreshold + 1) * probe.intervalMs;
    await back.untilServedBy(serving, {
      what: 'the restarted backends in rotation',
      deadlineMs: dueMs + settleDeadlineMs,
    });
    backAfterMs = (back.firstOf(down) ?? back.switchedAt) - startedAt;
  });
  steps.push({
    step: 'return',
    ok: returned.failures.length === 0 && backAfterMs >= notBeforeMs,
    seen: `back in rotation ${backAfterMs} ms after the restart (not before ${notBeforeMs}), ${returned.failures.length} of ${returned.requests} requests failed`,
    backAfterMs,
    notBeforeMs,
    requests: returned.requests,
    failed: returned.failures.length,
  });
  return steps;
}

/** Who answered of late. A set of machines "serves" when, for a while, exactly its members have answered. */
class RecentAnswers {
  static readonly #windowMs = 250;
  readonly #lastSeen = new Map<string, number>();
  readonly #firstSeen = new Map<string, number>();
  /** Unix ms of the last answer that did not fit the set last waited for, or of the last newcomer. */
  switchedAt = 0;
  /** Answers so far. */
  count = 0;

  readonly add = (backend: string, atMs: number): void => {
    this.count++;
    this.#lastSeen.set(backend, atMs);
    if (!this.#firstSeen.has(backend)) this.#firstSeen.set(backend, atMs);
  };

  firstOf(machines: ReadonlySet<string>): number | undefined {
    const times = [...machines].flatMap((m) => this.#firstSeen.get(m) ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  async untilServedBy(machines: ReadonlySet<string>, options: { what: string; deadlineMs?: number }): Promise<void> {
    const startedAt = Date.now();
    const firstAfter = new Map<string, number>();
    await until(
      () => {
        const now = Date.now();
        const fresh = [...this.#lastSeen].filter(([, at]) => at > now - RecentAnswers.#windowMs && at >= startedAt);
        for (const [m, at] of fresh) if (!firstAfter.has(m)) firstAfter.set(m, at);
        const others = fresh.some(([m]) => !machines.has(m));
        return (
          !others &&
          now - startedAt > RecentAnswers.#windowMs &&
          [...machines].every((m) => fresh.some(([f]) => f === m))
        );
      },
      { what: options.what, deadlineMs: options.deadlineMs ?? settleDeadlineMs, everyMs: 2 },
    );
    const strangers = [...this.#lastSeen].filter(([m, at]) => !machines.has(m) && at >= startedAt).map(([, at]) => at);
    const newcomers = [...machines].flatMap((m) => firstAfter.get(m) ?? []);
    this.switchedAt = Math.max(...(strangers.length > 0 ? strangers : newcomers), startedAt);
  }
}

/** Runs `during` with requests in flight, which stop with it, however it ends. */
async function underLoad(
  scenario: Scenario,
  recent: RecentAnswers,
  during: (running: Load) => Promise<void>,
): Promise<LoadResult> {
  const running = load(scenario, { onAnswer: recent.add }).start();
  try {
    await during(running);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running.stop();
}

const isOf = (target: Target, s: { cluster: string }): boolean =>
  s.cluster.startsWith(`tsgateway/${target.namespace}/${target.name}/`);

/** The demo backends among a service's machines. */
function demosOf({ stack, target }: Scenario, service: MeshService): DemoBackend[] {
  const ids = new Set(machinesOf(service).map((m) => m.id));
  return stack.backends.filter((b) => b.namespace === target.namespace && ids.has(b.id));
}

function load(
  scenario: Scenario,
  more: { concurrency?: number; onAnswer?: (b: string, atMs: number) => void } = {},
): Load {
  const { stack, target } = scenario;
  return new Load({ origin: stack.gatewayUrl, path: target.path, host: target.host, concurrency, ...more });
}

function tally(result: LoadResult): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const f of result.failures) counts[f.what] = (counts[f.what] ?? 0) + 1;
  return counts;
}

const round = (value: number): number => Math.round(value * 10_000) / 10_000;
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
