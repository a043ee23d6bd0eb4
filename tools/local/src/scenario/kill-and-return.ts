import { machinesOf, type Probe } from '@tsgateway/model';
import { until } from '../condition.ts';
import type { DemoBackend } from '../demo-backends.ts';
import { nameOf } from '../target.ts';
import { measureShares } from './shares.ts';
import { DoesNotFit, type Scenario, settleDeadlineMs, type Step } from './step.ts';
import { demosOf, servingMachines, tally, underLoad } from './traffic.ts';

/** For processes and timers, on top of what the configuration says. */
const slackMs = 100;

interface Victims {
  readonly backends: readonly DemoBackend[];
  readonly ids: ReadonlySet<string>;
  /** `host:port` */
  readonly addresses: ReadonlySet<string>;
  readonly probe: Probe;
}

/**
 * SIGKILL to a backend (in `failover`: to all primaries), the shares of the others, and its return. A step that fails
 * is the last.
 */
export async function killAndReturn(scenario: Scenario): Promise<Step[]> {
  const victims = victimsOf(scenario);
  const steps = [await kill(scenario, victims)];
  if (!steps[0]?.ok) return steps;
  steps.push(await measureShares(scenario, { step: 'shares-while-down', down: victims.ids }));
  if (!steps[1]?.ok) return steps;
  steps.push(await comeBack(scenario, victims));
  return steps;
}

function victimsOf(scenario: Scenario): Victims {
  const { service } = scenario;
  const serving = servingMachines(service);
  const demos = demosOf(scenario).filter((b) => serving.has(b.id));
  const failover = service.strategy === 'failover';
  if (demos.length === 0) throw new DoesNotFit('none of its backends is a demo backend');
  if (failover && demos.length < serving.size) throw new DoesNotFit('not all of its primaries are demo backends');
  const backends = failover ? demos : demos.slice(0, 1);
  const ids = new Set(backends.map((b) => b.id));
  servingMachines(service, ids);
  const machines = machinesOf(service).filter((m) => ids.has(m.id));
  const probe = machines[0]?.probe;
  if (!probe) throw new DoesNotFit('its backends are not probed');
  return { backends, ids, addresses: new Set(machines.map((m) => `${m.host}:${m.port}`)), probe };
}

/** Under load: costs at most the requests in flight, and is out of rotation by the health check's own terms. */
async function kill(scenario: Scenario, victims: Victims): Promise<Step> {
  const { target, service, signal } = scenario;
  const { probe, ids } = victims;
  const limitMs = probe.unhealthyThreshold * probe.intervalMs + slackMs;
  let [killedAt, deadAt, inFlight, outOfRotationMs] = [0, 0, 0, 0];
  const result = await underLoad(scenario, async (recent, load) => {
    await recent.untilServedBy(servingMachines(service), { what: `${nameOf(target)}: traffic before the kill` });
    if (!(await inRotation(scenario, victims)))
      throw new Error('the data plane does not know the backends to be killed');
    // A process that gets the signal takes a moment to die; until then requests may still be sent to it.
    killedAt = Date.now();
    const open = load.open;
    const startedBefore = load.started;
    await Promise.all(victims.backends.map((b) => b.kill()));
    deadAt = Date.now();
    inFlight = open + load.started - startedBefore;
    await until(async () => !(await inRotation(scenario, victims)), {
      what: 'the killed backends out of rotation',
      deadlineMs: limitMs + settleDeadlineMs,
      everyMs: 5,
      signal,
    });
    outOfRotationMs = Date.now() - killedAt;
  });
  const failed = result.failures.length;
  const lastFailureMs = Math.max(0, ...result.failures.map((f) => f.endedAt - killedAt));
  const failedThatStartedLater = result.failures.filter((f) => f.startedAt > deadAt).length;
  return {
    step: 'kill',
    ok: failed <= inFlight && failedThatStartedLater === 0 && outOfRotationMs <= limitMs,
    seen:
      `killed ${[...ids].join(', ')}: ${failed} failed of ${inFlight} in flight and ${result.requests} in all` +
      `${failed === 0 ? '' : `, the last ${lastFailureMs} ms after`}; out of rotation after ${outOfRotationMs} ms (limit ${limitMs})`,
    backends: [...ids],
    requests: result.requests,
    inFlight,
    failed,
    failedThatStartedLater,
    failures: tally(result),
    lastFailureMs,
    outOfRotationMs,
    limitMs,
  };
}

/** Whether the data plane would send requests to any of them. */
async function inRotation({ stack, target }: Scenario, { addresses }: Victims): Promise<boolean> {
  const cluster = `tsgateway/${nameOf(target)}/`;
  return (await stack.stats()).some((s) => s.inRotation && s.cluster.startsWith(cluster) && addresses.has(s.address));
}

/**
 * Under load: started again, they get requests without one that fails; in `failover` not before failbackDelay has
 * passed since they were healthy: since they answered as many probes as the health check wants. The backends themselves
 * say when that was, as nobody else can know it earlier.
 */
async function comeBack(scenario: Scenario, victims: Victims): Promise<Step> {
  const { target, service, signal } = scenario;
  const { probe, ids, backends } = victims;
  const notBeforeMs = service.strategy === 'failover' ? service.failbackDelayMs : 0;
  const probedWithinMs = (probe.healthyThreshold + 1) * (probe.intervalMs + probe.timeoutMs) + settleDeadlineMs;
  let [startedAt, healthyAt, backAt] = [0, 0, 0];
  const result = await underLoad(scenario, async (recent) => {
    startedAt = Date.now();
    const healthy = backends.map(async (b) => {
      await b.start();
      return b.probed(probe.healthyThreshold, { deadlineMs: probedWithinMs, signal });
    });
    healthyAt = Math.min(...(await Promise.all(healthy))); // the first of them ends the outage
    await recent.untilServedBy(servingMachines(service), {
      what: `${nameOf(target)}: traffic to the restarted backends`,
      deadlineMs: notBeforeMs + settleDeadlineMs,
    });
    backAt = recent.firstOf(ids) ?? NaN;
  });
  const failed = result.failures.length;
  const healthyAfterMs = healthyAt - startedAt;
  const backAfterMs = backAt - healthyAt;
  return {
    step: 'return',
    ok: result.requests > 0 && failed === 0 && backAfterMs >= notBeforeMs,
    seen: `healthy ${healthyAfterMs} ms after the restart, got requests ${backAfterMs} ms later (not before ${notBeforeMs}), ${failed} of ${result.requests} requests failed`,
    healthyAfterMs,
    backAfterMs,
    notBeforeMs,
    requests: result.requests,
    failed,
  };
}
