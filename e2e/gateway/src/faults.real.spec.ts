import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { request } from 'undici';
import type { Backend } from './harness/backend.ts';
import { ask } from './harness/load.ts';
import type { ManagedProcess } from './harness/managed-process.ts';
import type { ServiceReplica } from './harness/service-replica.ts';
import { repository, type Stack, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';
import { Currency, type CurrentAfter } from './scenarios/currency.ts';
import { type FaultRow, faultTable } from './scenarios/fault-table.ts';
import {
  gateway,
  hosts,
  httpRoutes,
  machine,
  makeFleet,
  roundRobinCluster,
  route,
  servedBy,
  service,
  toService,
} from './scenarios/fleet.ts';
import { MixedLoad, type RouteFailure } from './scenarios/mixed-load.ts';

// One fault after the other on one stack, each under 200 requests a second. What is asserted is what is promised: no
// request fails that the fault itself does not explain, and afterwards everything is current again.

const origin = urlOf(80);
const allHosts = Object.values(hosts);
const perSecond = 200;
/** For so long requests go on once all is current: what was broken on the way shows by then. */
const afterMs = 3_000;
/** For what takes an outage and a return. */
const longDeadlineMs = 240_000;

let stack: Stack;
let currency: Currency;
let backends: ReadonlyMap<string, Backend>;
const rows: FaultRow[] = [];

const operators = () => stack.services.operator;
const extensionServers = () => stack.services['extension-server'];
const every = (processes: readonly ManagedProcess[], what: 'kill' | 'stop' | 'start' | 'spawn') =>
  Promise.all(processes.map((process) => process[what]()));

beforeAll(async () => {
  stack = await startStack({ replicas: { operator: 2 } });
  const fleet = await makeFleet(stack);
  backends = fleet.backends;
  currency = new Currency(stack, { origin, spare: backend('spare').address });
  everything = [...fleet.objects, currency.object];
}, startDeadlineMs);

afterAll(async () => {
  if (rows.length > 0) process.stderr.write(`${faultTable(rows)}\n`);
  await stack?.stop();
});

let everything: readonly object[] = [];

function backend(name: string): Backend {
  const found = backends.get(name);
  if (!found) throw new Error(`there is no backend ${name}`);
  return found;
}

function nth(processes: readonly ManagedProcess[], index: number): ManagedProcess {
  const found = processes[index];
  if (!found) throw new Error(`there is no process ${index}`);
  return found;
}

interface Fault {
  readonly fault: string;
  /** Brings it about, mends it, and waits until a change that was made meanwhile is everywhere. */
  readonly cause: () => Promise<CurrentAfter>;
  /** Which failures the fault itself explains, and how many at most. */
  readonly explained?: { readonly is: (failure: RouteFailure) => boolean; readonly atMost: number };
  readonly note?: () => string;
}

/** Runs a fault under load, and asserts what it may cost. */
async function underLoad({ fault, cause, explained, note }: Fault): Promise<void> {
  const load = new MixedLoad(origin, { hosts: allHosts, perSecond });
  const startedAt = Date.now();
  let current: CurrentAfter = { endpointsMs: Number.NaN, routesMs: Number.NaN };
  let wrong: unknown;
  try {
    current = await cause();
    await delay(afterMs);
  } catch (error) {
    wrong = error;
  }
  const { requests, failures, p99Ms, byHost } = await load.stop();
  const expected = failures.filter((failure) => explained?.is(failure));
  const notes = [note?.(), explained && `${expected.length} explained`].filter((each) => each !== undefined);
  rows.push({ fault, requests, failed: failures.length, p99Ms, current, note: notes.join('; ') });
  process.stderr.write(`${faultTable(rows.slice(-1)).split('\n').at(-1)}\n`);
  if (wrong !== undefined) throw wrong;

  const unexplained = failures.filter((failure) => !explained?.is(failure));
  expect(
    unexplained.map(({ host, what, startedAt: at }) => `${host}: ${what} ${at - startedAt} ms after the start`),
  ).toEqual([]);
  expect(expected.length).toBeLessThanOrEqual(explained?.atMost ?? 0);
  for (const [host, { byBackend }] of byHost) {
    expect([...byBackend.keys()].filter((name) => !servedBy[host]?.test(name))).toEqual([]);
  }
}

const count = (counts: Map<string, number>, what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
const listed = (counts: ReadonlyMap<string, number>) => [...counts].map(([what, n]) => `${n} x ${what}`).join(', ');

const allServe = async () => (await Promise.all(allHosts.map(serves))).every(Boolean);
const serves = async (host: string) => (await ask({ origin, host })).status === 200;

/** Restarts a process, with a change made meanwhile; returns the time at which it was started. */
async function restart(process: ManagedProcess, how: 'stop' | 'kill'): Promise<number> {
  await process[how]();
  await currency.change();
  const at = performance.now();
  await process.start();
  return at;
}

/** Whether anything at all answers for a host, and with what; undefined where nothing does. */
async function answerOf(host: string): Promise<{ status: number; body: string; backend: string } | undefined> {
  try {
    const answer = await request(origin, { headers: { host }, headersTimeout: 5_000 });
    const body = await answer.body.text();
    return { status: answer.statusCode, body, backend: String(answer.headers['x-backend'] ?? '') };
  } catch {
    return undefined; // refused: nobody listens
  }
}

/** For some time, no host is answered by a backend that is not its own. Returns what answers there were instead. */
async function nothingWrongFor(ms: number): Promise<string> {
  const answers = new Map<string, number>();
  const end = performance.now() + ms;
  while (performance.now() < end) {
    for (const host of allHosts) {
      const answer = await answerOf(host);
      if (answer?.status === 200) expect(answer.backend).toMatch(servedBy[host] ?? /^$/);
      count(answers, String(answer?.status ?? 'refused'));
    }
    await delay(100);
  }
  return `before: ${listed(answers)}`;
}

it(
  'the first start: what is applied while no operator has ever run serves seconds after one does',
  async () => {
    // Without a model from before.
    await every(operators(), 'stop');
    await every(extensionServers(), 'stop');
    await every(extensionServers(), 'spawn');
    for (const file of ['gateway.yaml', 'tailnet.yaml']) {
      await stack.kubectl.applyFile(join(repository, 'examples/quickstart', file));
    }
    await stack.kubectl.apply(...everything);
    const note = await nothingWrongFor(8_000);
    const start = performance.now();
    await every(operators(), 'start');
    await until(allServe, { what: 'all routes serve', deadlineMs: 20_000 });
    rows.push({
      ...{ fault: 'first start, the operator last', requests: 0, failed: 0, p99Ms: 0, note },
      current: await currency.until(start),
    });
    await stack.proxy(gateway);
    await until(() => stack.node.proxies(gateway).length === 1, { what: 'the proxy of before is gone' });
  },
  longDeadlineMs,
);

describe('an extension server', () => {
  for (const how of ['stop', 'kill'] as const) {
    const signal = how === 'stop' ? 'SIGTERM' : 'SIGKILL';
    it(
      `restarted by ${signal}, one of two, then both in turn`,
      async () => {
        const one = nth(extensionServers(), 0);
        const other = nth(extensionServers(), 1);
        await underLoad({
          fault: `extension server, one of two away, ${signal}`,
          cause: async () => {
            await one[how]();
            const at = performance.now();
            await currency.change();
            return currency.until(at);
          },
        });
        await underLoad({
          fault: `extension server, that one back, then the other restarted, ${signal}`,
          cause: async () => {
            await one.start();
            return currency.until(await restart(other, how));
          },
        });
      },
      longDeadlineMs,
    );
  }

  it(
    'both killed for 30 s: proxies keep their endpoints, and leave out a machine that dies',
    async () => {
      let diedAt = Number.POSITIVE_INFINITY;
      const dead = backend('round-robin-2');
      await underLoad({
        fault: 'both extension servers killed for 30 s, a machine dies meanwhile',
        cause: async () => {
          await every(extensionServers(), 'kill');
          const back = delay(30_000);
          await currency.change();
          await delay(3_000);
          diedAt = Date.now();
          await dead.kill();
          await back;
          const at = performance.now();
          await every(extensionServers(), 'start');
          // Envoy Gateway's own connection to them backs off, by about 0.6 of the time that they were away.
          return currency.until(at, { routesMs: 45_000 });
        },
        // Requests that the machine had in its hands; new ones go to another.
        explained: {
          is: ({ host, startedAt, endedAt, what }) =>
            host === hosts.roundRobin && what === '503' && startedAt <= diedAt + 1_000 && endedAt >= diedAt,
          atMost: 3,
        },
      });
      await dead.start();
    },
    longDeadlineMs,
  );

  it(
    'away while a proxy starts: other routes wait no longer than 10 s, ours come when it returns',
    async () => {
      const proxy = await stack.proxy(gateway);
      await every(extensionServers(), 'kill');
      await proxy.kill();
      const startedAt = performance.now();
      await proxy.spawn();
      await until(() => serves(hosts.plain), { what: 'the plain route serves', deadlineMs: 30_000 });
      const plainMs = performance.now() - startedAt;
      const ours = await answerOf(hosts.roundRobin);
      expect(ours).toMatchObject({ status: 503 });
      const load = new MixedLoad(origin, { hosts: [hosts.plain], perSecond: perSecond / 4 });
      await currency.change();
      const at = performance.now();
      await every(extensionServers(), 'start');
      await until(allServe, { what: 'all routes serve', deadlineMs: 60_000 });
      const current = await currency.until(at);
      const { requests, failures, p99Ms } = await load.stop();
      rows.push({
        ...{ fault: 'a proxy starts while no extension server runs', requests, failed: failures.length, p99Ms },
        ...{ current, note: `plain route after ${(plainMs / 1000).toFixed(1)} s` },
      });
      expect(failures).toEqual([]);
      expect(plainMs).toBeLessThan(15_000); // initial_fetch_timeout, and the start of an Envoy
    },
    longDeadlineMs,
  );
});

/** How long until the proxies leave a machine out that fails its probes; it is well, and back, before this resolves. */
async function leaveOut(sick: Backend): Promise<number> {
  const proxy = await stack.proxy(gateway);
  const isIn = async () =>
    ((await proxy.endpoints(roundRobinCluster)) ?? []).some((e) => e.address === sick.address && e.healthy);
  const sickAt = performance.now();
  await sick.behave({ healthy: false });
  await until(async () => !(await isIn()), { what: 'the sick machine is out' });
  const outMs = performance.now() - sickAt;
  await sick.behave({ healthy: true });
  await until(isIn, { what: 'it is back' });
  return outMs;
}

describe('the operator', () => {
  it(
    'away for 60 s, leader and standby: health still counts, and a change of meanwhile takes effect after its return',
    async () => {
      let outMs = Number.NaN;
      await underLoad({
        fault: 'operators killed for 60 s',
        cause: async () => {
          await every(operators(), 'kill');
          const back = delay(60_000);
          await currency.change();
          // A route that leads to what is known is translated without the operator.
          await until(() => currency.pathServed(), { what: 'the path is served', deadlineMs: 15_000 });
          outMs = await leaveOut(backend('round-robin-1'));
          await back;
          const at = performance.now();
          await every(operators(), 'start');
          return currency.until(at, { endpointsMs: 20_000 });
        },
        note: () => `a machine that fails its probes is out after ${(outMs / 1000).toFixed(1)} s`,
      });
    },
    longDeadlineMs,
  );

  it(
    'its leader killed: the other serves at once, and leads when the lease has run out',
    async () => {
      const leads = async (replica: ServiceReplica) => (await replica.metric('leader_election_master_status')) === 1;
      const leader = await until(
        async () => {
          for (const replica of operators()) if (await leads(replica)) return replica;
          return undefined;
        },
        { what: 'one leads', deadlineMs: 30_000 },
      );
      const standby = operators().filter((replica) => replica !== leader);
      let leadsMs = Number.NaN;
      await underLoad({
        fault: "operator's leader killed",
        cause: async () => {
          await leader.kill();
          const at = performance.now();
          await currency.change();
          const otherLeads = async () => {
            await until(async () => (await Promise.all(standby.map(leads))).some(Boolean), {
              ...{ what: 'the other leads', deadlineMs: 30_000 },
            });
            leadsMs = performance.now() - at;
          };
          const [current] = await Promise.all([currency.until(at), otherLeads()]);
          return current;
        },
        note: () => `the other leads after ${(leadsMs / 1000).toFixed(1)} s`,
      });
      await leader.start();
    },
    longDeadlineMs,
  );
});

describe('Envoy Gateway', () => {
  for (const how of ['stop', 'kill'] as const) {
    it(
      `restarted by ${how === 'stop' ? 'SIGTERM' : 'SIGKILL'}`,
      () =>
        underLoad({
          fault: `Envoy Gateway restarted, ${how === 'stop' ? 'SIGTERM' : 'SIGKILL'}`,
          cause: async () => currency.until(await restart(stack.envoyGateway, how)),
        }),
      longDeadlineMs,
    );
  }
});

it(
  'a TailscaleServices deleted while it is used: its route says so with 500, the others notice nothing',
  async () => {
    const host = 'deleted.test';
    const spare = backend('spare');
    const objects = [machine('deleted', ['deleted-0', spare]), service('deleted', { strategy: 'round-robin' })];
    await stack.kubectl.apply(...objects, route('deleted', { host, backendRefs: [toService('deleted')] }));
    await until(() => serves(host), { what: 'it serves' });
    const load = new MixedLoad(origin, { hosts: [host], perSecond: 20 });
    const answers = new Map<string, number>();
    let late: readonly RouteFailure[] = [];
    let body = '';
    let missingMs = 0;
    await underLoad({
      fault: 'TailscaleServices deleted while used, and created again',
      cause: async () => {
        const deletedAt = performance.now();
        await stack.kubectl.delete(...objects.slice(1));
        body = await until(
          async () => {
            const answer = await answerOf(host);
            return answer?.status === 500 && (answer.body || '(no body)');
          },
          { what: 'its route answers with 500' },
        );
        missingMs = performance.now() - deletedAt;
        const missingAt = Date.now() + 250; // each worker of a proxy has it by then
        await stack.kubectl.apply(...objects.slice(1));
        const at = performance.now();
        await until(() => serves(host), { what: 'it serves again', deadlineMs: 15_000 });
        const { failures } = await load.stop();
        for (const { what } of failures) count(answers, what);
        late = failures.filter(({ what, startedAt }) => what !== '500' && startedAt > missingAt);
        await currency.change();
        return currency.until(at);
      },
      note: () =>
        `its own route: ${listed(answers)}; 500 ${(missingMs / 1000).toFixed(1)} s after its deletion: "${body.trim()}"`,
    });
    await stack.kubectl.delete(...objects, route('deleted', { host, backendRefs: [] }));
    // Its endpoints are gone as soon as it is marked for deletion, its route says so when its finalizers are through.
    expect([...answers.keys()].filter((what) => what !== '503')).toEqual(['500']);
    expect(late).toEqual([]);
    expect(missingMs).toBeLessThan(10_000);
    expect(body).toContain('TailscaleServices default/deleted');
  },
  longDeadlineMs,
);

it(
  '500 routes at once: the others notice nothing',
  async () => {
    const names = Array.from({ length: 500 }, (_, i) => `many-${i}`);
    const hostOf = (name: string) => `${name}.test`;
    const inTurns = async (what: (name: string) => Promise<unknown>) => {
      const left = [...names];
      const worker = async () => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) await what(name);
      };
      await Promise.all(Array.from({ length: 16 }, worker));
    };
    const client = stack.client;
    const untilAll = (status: number) =>
      inTurns((name) =>
        until(async () => (await ask({ origin, host: hostOf(name) })).status === status, {
          ...{ what: `${name} is answered with ${status}`, deadlineMs: 60_000, everyMs: 250 },
        }),
      );
    let appliedMs = 0;
    await underLoad({
      fault: '500 routes applied at once',
      cause: async () => {
        const start = performance.now();
        await inTurns((name) =>
          client.create(httpRoutes, route(name, { host: hostOf(name), backendRefs: [toService('round-robin')] })),
        );
        const at = performance.now();
        appliedMs = at - start;
        await currency.change();
        await untilAll(200);
        return currency.until(at);
      },
      note: () => `applied in ${(appliedMs / 1000).toFixed(1)} s`,
    });
    await underLoad({
      fault: '500 routes deleted at once',
      cause: async () => {
        await inTurns((name) => client.delete(httpRoutes, { namespace: 'default', name }));
        const at = performance.now();
        await currency.change();
        await untilAll(404);
        return currency.until(at);
      },
    });
  },
  longDeadlineMs,
);

it(
  'the API server away for 30 s: health still counts',
  async () => {
    let outMs = Number.NaN;
    await underLoad({
      fault: 'API server away for 30 s',
      cause: async () => {
        await stack.api.stopApiServer();
        const back = delay(30_000);
        outMs = await leaveOut(backend('round-robin-1'));
        await back;
        await stack.api.startApiServer();
        const at = performance.now();
        await currency.change();
        // Watches back off to 30 s: ours, and Envoy Gateway's, which may do so twice, with as much jitter on top.
        return currency.until(at, { endpointsMs: 35_000, routesMs: 120_000 });
      },
      note: () => `a machine that fails its probes is out after ${(outMs / 1000).toFixed(1)} s`,
    });
  },
  longDeadlineMs,
);

it(
  'everything started again, the operator last: nothing wrong is served, and all is seconds after it',
  async () => {
    const others = [...stack.services['health-checker'], ...extensionServers(), stack.envoyGateway];
    const proxies = stack.node.proxies(gateway);
    await every([...operators(), ...others, ...proxies], 'kill');
    await every([...others, ...proxies], 'spawn');
    const note = await nothingWrongFor(10_000);
    const start = performance.now();
    await every(operators(), 'start');
    await until(allServe, { what: 'all routes serve', deadlineMs: 60_000 });
    rows.push({
      ...{ fault: 'everything started again, the operator last', requests: 0, failed: 0, p99Ms: 0, note },
      current: await currency.until(start),
    });
  },
  longDeadlineMs,
);
