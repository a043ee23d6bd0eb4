import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Backend } from './harness/backend.ts';
import { ask, fire, type LoadResult } from './harness/load.ts';
import type { Proxy } from './harness/proxy.ts';
import { repository, type Stack, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';
import { auditSince, type AuditEvent, summaryOf } from './scenarios/audit.ts';
import { gateway, route, service, toService } from './scenarios/fleet.ts';
import { NameServer } from './scenarios/name-server.ts';

// What must not happen: nobody writes without a cause, no request goes to a tier or a group that is not its turn, and one
// name that does not resolve is nobody else's trouble.

const origin = urlOf(80);
const nameServerAddress = '127.53.0.1';
const quietMs = 60_000;
const longDeadlineMs = 180_000;

let stack: Stack;
let names: NameServer;
let proxy: Proxy;
const backends = new Map<string, Backend>();

const groups = {
  failover: { 'primary-a': 2, 'primary-b': 2, secondary: 2 },
  weighted: { seventy: 2, twenty: 1, ten: 1 },
} as const;

beforeAll(async () => {
  names = await NameServer.open(nameServerAddress);
  stack = await startStack({ replicas: { operator: 2 }, nameServer: nameServerAddress });
  const machines = Object.values(groups).flatMap((each) =>
    Object.entries(each).flatMap(([group, count]) => Array.from({ length: count }, (_, i) => `${group}-${i}`)),
  );
  await Promise.all(machines.map(async (name) => backends.set(name, await stack.startBackend(name))));
  for (const file of ['gateway.yaml', 'tailnet.yaml']) {
    await stack.kubectl.applyFile(join(repository, 'examples/quickstart', file));
  }
  await stack.kubectl.apply(
    ...Object.entries(groups).flatMap(([label, each]) =>
      Object.entries(each).map(([group, count]) =>
        endpointsOf(
          label,
          group,
          Array.from({ length: count }, (_, i) => backend(`${group}-${i}`).address),
        ),
      ),
    ),
    service('failover', {
      strategy: 'failover',
      failoverConfig: { primaryEndpoints: ['primary-a', 'primary-b'], secondaryEndpoints: ['secondary'] },
    }),
    service('weighted', { strategy: 'weighted', weights: { seventy: 70, twenty: 20, ten: 10 } }),
    ...['failover', 'weighted'].map((name) => route(name, { host: `${name}.test`, backendRefs: [toService(name)] })),
  );
  proxy = await stack.proxy(gateway);
  for (const [name, each] of Object.entries(groups)) {
    await until(async () => (await ask({ origin, host: `${name}.test` })).status === 200, { what: `${name} serves` });
    await until(async () => (await healthyIn(name)) === sum(Object.values(each)), {
      what: `all machines of ${name} are in`,
    });
  }
}, startDeadlineMs);

afterAll(async () => {
  await stack?.stop();
  await names?.close();
});

function backend(name: string): Backend {
  const found = backends.get(name);
  if (!found) throw new Error(`there is no backend ${name}`);
  return found;
}

/** A TailscaleEndpoints with machines at these addresses (`host:port`). */
function endpointsOf(label: string, name: string, targets: readonly string[]): object {
  return {
    apiVersion: 'gateway.tailscale.com/v1alpha1',
    kind: 'TailscaleEndpoints',
    metadata: { name, namespace: 'default', labels: { service: label } },
    spec: {
      tailnet: 'demo',
      endpoints: targets.map((externalTarget, i) => ({
        name: `machine-${i}`,
        tailscaleIP: `100.64.9.${i + 1}`,
        tailscaleFQDN: `${name}-${i}.demo.ts.net`,
        port: 80,
        protocol: 'HTTP',
        externalTarget,
      })),
    },
  };
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
const clusterOf = (name: string) => `tsgateway/default/${name}/80`;

/** How many machines of a service are healthy, those of the other tier included. */
const healthyIn = async (name: string) =>
  ((await proxy.endpoints(clusterOf(name))) ?? []).filter(({ healthy }) => healthy).length;

/** By backend, with the machine's number left out; most first. */
function byGroup({ byBackend }: LoadResult): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, count] of byBackend) {
    const group = name.replace(/-\d$/, '');
    counts.set(group, (counts.get(group) ?? 0) + count);
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

const tell = (what: string, text: string) => void process.stderr.write(`${what}: ${text}\n`);
const countsText = (counts: ReadonlyMap<string, number>) => [...counts].map((each) => each.join(' ')).join(', ');

describe('a minute without a change', () => {
  const writes = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
  const isRenewal = ({ objectRef }: AuditEvent) => objectRef?.resource === 'leases';
  const isWrite = (event: AuditEvent) => writes.has(event.verb) && !isRenewal(event);

  it(
    'has no write but of Leases, and no list, by any of our services',
    async () => {
      const settled = await until(
        async () => {
          const tenSecondsAgo = Date.now() - 10_000;
          const before = await auditSince(stack, tenSecondsAgo);
          return !before.some(isWrite) && Date.now();
        },
        { what: 'ten seconds without a write', deadlineMs: 60_000, everyMs: 500 },
      );
      await delay(quietMs);
      const events = await auditSince(stack, settled);
      tell(`${quietMs / 1000} s without a change`, summaryOf(events).join('; '));
      expect(summaryOf(events.filter(isWrite))).toEqual([]);
      expect(summaryOf(events.filter(({ verb }) => verb === 'list'))).toEqual([]);
      // The log knows them: this is no silence of somebody who is not there.
      expect(events.filter(isRenewal).length).toBeGreaterThan(0);
    },
    longDeadlineMs,
  );
});

describe('half of the machines are away', () => {
  const away = ['primary-a-0', 'primary-b-0', 'seventy-0'];

  beforeAll(async () => {
    await Promise.all(away.map((name) => backend(name).kill()));
    await until(async () => (await healthyIn('failover')) === 4 && (await healthyIn('weighted')) === 3, {
      what: 'they are out of rotation',
      deadlineMs: 30_000,
    });
  }, longDeadlineMs);

  it(
    'of the primary tier: none of 10,000 requests goes to the secondary',
    async () => {
      const result = await fire({ origin, host: 'failover.test' }, { requests: 10_000 });
      const counts = byGroup(result);
      tell('half of the primary tier away', countsText(counts));
      expect(result.failures).toEqual([]);
      expect(result.requests).toBe(10_000);
      expect([...counts.keys()].sort()).toEqual(['primary-a', 'primary-b']);
    },
    longDeadlineMs,
  );

  it(
    'of the group of 70 %: it still gets 70 %, to one percentage point of 30,000 requests',
    async () => {
      const result = await fire({ origin, host: 'weighted.test' }, { requests: 30_000 });
      const counts = byGroup(result);
      tell('half of the 70 % group away', countsText(counts));
      expect(result.failures).toEqual([]);
      for (const [group, percent] of Object.entries({ seventy: 70, twenty: 20, ten: 10 })) {
        const share = (100 * (counts.get(group) ?? 0)) / result.requests;
        expect({ group, share, close: Math.abs(share - percent) <= 1 }).toMatchObject({ close: true });
      }
    },
    longDeadlineMs,
  );
});

describe('machines that have names', () => {
  // Twice what a service takes to look at a name again.
  const refreshDeadlineMs = 75_000;
  const bad = ['nowhere.test', ...Array.from({ length: 4 }, (_, i) => `silent-${i}.test`)];
  let port = 0;

  beforeAll(async () => {
    // Two at one port, as only the address changes with a name.
    const first = await stack.startBackend('named-0', { host: '127.0.0.11' });
    port = first.port;
    await stack.startBackend('named-1', { host: '127.0.0.12', port });
    names.names.set('machine.test', ['127.0.0.11']);
    for (const name of bad.slice(1)) names.silent.add(name);
  }, longDeadlineMs);

  it(
    'work, beside one that does not exist and some whose name server is away',
    async () => {
      await stack.kubectl.apply(
        endpointsOf('bad', 'bad', [...bad.map((name) => `${name}:${port}`), `127.0.0.12:${port}`]),
        service('bad', { strategy: 'round-robin' }),
        route('bad', { host: 'bad.test', backendRefs: [toService('bad')] }),
      );
      await until(async () => (await ask({ origin, host: 'bad.test' })).status === 200, {
        what: 'the machine among them that has an address serves',
        deadlineMs: 30_000,
      });
      // While the others are looked up in vain.
      const start = performance.now();
      await stack.kubectl.apply(
        endpointsOf('named', 'named', [`machine.test:${port}`, backend('ten-0').address]),
        service('named', { strategy: 'round-robin' }),
        route('named', { host: 'named.test', backendRefs: [toService('named')] }),
      );
      await until(async () => (await ask({ origin, host: 'named.test' })).backend === 'named-0', {
        what: 'the machine that has a name serves',
        deadlineMs: 30_000,
      });
      tell('a machine with a name', `serves after ${Math.round(performance.now() - start)} ms`);
      // Probes of it open connections anew, and every machine whose name does not resolve is probed in vain.
      await delay(10_000);
      for (const [name, expected] of Object.entries({
        bad: ['named-1'],
        named: ['named-0', 'ten-0'],
        failover: ['primary-a-1', 'primary-b-1'],
        weighted: ['seventy-1', 'ten-0', 'twenty-0'],
      })) {
        const { failures, byBackend } = await fire({ origin, host: `${name}.test` }, { requests: 1_000 });
        tell(`${name}, while names are looked up in vain`, countsText(byBackend));
        expect({ name, failures, backends: [...byBackend.keys()].sort() }).toEqual({
          ...{ name, failures: [], backends: expected.sort() },
        });
      }
    },
    longDeadlineMs,
  );

  it(
    'are where their names lead to now',
    async () => {
      names.names.set('machine.test', ['127.0.0.12']);
      const start = performance.now();
      await until(async () => (await ask({ origin, host: 'named.test' })).backend === 'named-1', {
        what: 'requests go where the name leads now',
        deadlineMs: refreshDeadlineMs,
        everyMs: 200,
      });
      tell('a changed answer of the name server', `followed after ${Math.round(performance.now() - start)} ms`);
      const result = await fire({ origin, host: 'named.test' }, { requests: 1_000 });
      expect(result.failures).toEqual([]);
      expect([...result.byBackend.keys()].sort()).toEqual(['named-1', 'ten-0']);
    },
    longDeadlineMs,
  );
});
