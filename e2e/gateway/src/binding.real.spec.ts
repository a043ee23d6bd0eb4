import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Backend } from './harness/backend.ts';
import { repository, type Stack, startDeadlineMs, startStack, urlOf } from './harness/stack.ts';
import { until } from './harness/until.ts';
import { gateway, httpRoutes, machine, service } from './scenarios/fleet.ts';
import { markedSpec, PathLoad, routeIn } from './scenarios/marked-route.ts';
import { randomFrom } from './scenarios/random.ts';
import { anyEdit, type Edit, edits, type Rule, type RuleSource } from './scenarios/route-edits.ts';
import { type Answer, RouteHistory } from './scenarios/route-history.ts';

// Whatever happens to the rules of a route, and whether or not we know of it: no request reaches a service that its rule
// does not name. Every answer says which version of the route Envoy had, so there is no "soon enough" in that.

const origin = urlOf(80);
const host = 'binding.test';
const ref = { namespace: 'default', name: 'edited' };
const source: RuleSource = {
  random: randomFrom(20_261_121),
  paths: ['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h'],
  services: ['red', 'green', 'blue', 'black', 'white'],
};
const randomEdits = 200;
const editEveryMs = 60;
/** Of all requests, how many may find no cluster. Envoy has a rule's new cluster only when it has its endpoints, some ms later. */
const warmingShare = 0.005;
/** After which a version that was superseded is not expected in any proxy: a hook may wait 2 s, twice. */
const boundMs = 15_000;
const suiteDeadlineMs = 180_000;

let stack: Stack;
const history = new RouteHistory();

beforeAll(async () => {
  stack = await startStack({ replicas: { operator: 2 } });
  const backends: (readonly [string, Backend])[] = await Promise.all(
    source.services.map(async (name) => [name, await stack.startBackend(name)] as const),
  );
  for (const file of ['gateway.yaml', 'tailnet.yaml']) {
    await stack.kubectl.applyFile(join(repository, 'examples/quickstart', file));
  }
  const rules: Rule[] = source.services.map((name, i) => ({
    path: source.paths[i] ?? '',
    shares: [{ service: name, weight: 1 }],
  }));
  const version = history.begin(rules, performance.now());
  await stack.kubectl.apply(
    ...backends.flatMap(([name, backend]) => [
      machine(name, [name, backend]),
      service(name, { strategy: 'round-robin' }),
    ]),
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: ref,
      spec: markedSpec(host, { rules, version }),
    },
  );
  history.written(performance.now());
  await stack.proxy(gateway);
  await until(() => current(), { what: 'the first version is in force', deadlineMs: 30_000 });
}, startDeadlineMs);

afterAll(() => stack?.stop());

/** Edits the route. */
const edit = (how: Edit) => write(how(history.rules, source));

/** Writes the next version of the route. */
async function write(rules: readonly Rule[]): Promise<void> {
  const version = history.begin(rules, performance.now());
  await stack.client.patch(httpRoutes, ref, {
    type: 'merge',
    body: { spec: markedSpec(host, { rules, version }) },
  });
  history.written(performance.now());
}

/** Every proxy has the newest version of the route; with `shares`, also its very weights. */
async function current({ shares = true } = {}): Promise<boolean> {
  const wanted = new Map(history.rules.map((rule) => [rule.path, sharesText(rule)]));
  const seen = await Promise.all(stack.node.proxies(gateway).map((proxy) => routeIn(proxy, host)));
  return seen.every(
    ({ versions, rules }) =>
      versions.size === 1 &&
      versions.has(history.newest) &&
      rules.length === wanted.size &&
      (!shares || rules.every((rule) => wanted.get(rule.path) === sharesText(rule))),
  );
}

/** One service has all, whatever its weight; one without weight is not there. */
const sharesText = ({ shares: all }: Rule) => {
  const shares = all.filter(({ weight }) => weight > 0);
  return shares
    .map(({ service: name, weight }) => (shares.length === 1 ? name : `${name} ${weight}`))
    .sort()
    .join(', ');
};

/** Holds all answers against the history, and tells what was seen. */
function judge(what: string, answers: readonly Answer[]): void {
  const byStatus = new Map<string, number>();
  for (const { status } of answers) byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  const versions = new Set(answers.map((answer) => answer.version));
  const oldest = Math.max(...answers.map((answer) => history.stalenessOf(answer)));
  const seen = [...byStatus].map(([status, count]) => `${count} x ${status}`).join(', ');
  process.stderr.write(
    `${what}: ${answers.length} requests (${seen}) by ${versions.size} versions, the oldest out of date for ${(oldest / 1000).toFixed(1)} s\n`,
  );
  const wrong = answers.flatMap((answer) => history.objection(answer, boundMs) ?? []);
  expect(wrong.slice(0, 20)).toEqual([]);
  const failed = answers.filter(({ status }) => status !== '200' && status !== '404');
  expect(failed.filter(({ status }) => status !== '503')).toEqual([]);
  expect(failed.length / answers.length).toBeLessThan(warmingShare);
  expect(oldest).toBeLessThan(boundMs);
}

// Its own numbers, so that the edits are the same in each run.
const load = (paths = source.paths) => new PathLoad(origin, { host, paths, random: randomFrom(1), atATime: 8 });

/** Every proxy has a service's machine. */
const isReady = async (name: string) =>
  (
    await Promise.all(stack.node.proxies(gateway).map((proxy) => proxy.endpoints(`tsgateway/default/${name}/80`)))
  ).every((machines) => machines?.length === 1);

async function manyEdits(): Promise<void> {
  for (let i = 0; i < randomEdits; i++) {
    await edit(anyEdit);
    await delay(editEveryMs * 2 * source.random());
  }
}

/** Waits until all is as the newest version says; tells since when. */
async function untilCurrent(what: string): Promise<void> {
  const start = performance.now();
  await until(() => current(), { what: `${what}: routes and weights are current`, deadlineMs: 20_000 });
  process.stderr.write(`${what}: routes and weights current after ${Math.round(performance.now() - start)} ms\n`);
}

it(
  'no request reaches a wrong service during 200 random edits',
  async () => {
    const running = load();
    try {
      await manyEdits();
      await untilCurrent('operators run');
    } finally {
      await running.stop();
    }
    judge('operators run', running.answers);
  },
  suiteDeadlineMs,
);

it(
  'no request fails while a path moves to a service that its rule had without weight before',
  async () => {
    const [path = ''] = source.paths;
    const [from = '', to = ''] = source.services;
    const weights = (a: number, b: number) => [
      {
        path,
        shares: [
          { service: from, weight: a },
          { service: to, weight: b },
        ],
      },
    ];
    await write(weights(1, 0));
    await until(() => current(), { what: 'one service has all', deadlineMs: 20_000 });
    const running = load([path]);
    try {
      for (const [a, b] of [
        [9, 1],
        [0, 1],
        [1, 0],
      ] as const) {
        // Its machines are there before it has a share.
        await until(async () => (await Promise.all([from, to].map(isReady))).every(Boolean), {
          what: 'both are ready',
        });
        await write(weights(a, b));
        await until(() => current(), { what: `${a} to ${b}`, deadlineMs: 20_000 });
        await delay(300);
      }
    } finally {
      await running.stop();
    }
    judge('a path moves', running.answers);
    expect(running.answers.filter(({ status }) => status !== '200')).toEqual([]);
    expect(new Set(running.answers.map(({ backend }) => backend))).toEqual(new Set([from, to]));
  },
  suiteDeadlineMs,
);

it(
  'no request reaches a wrong service while no operator says what is edited, and all is current when one does',
  async () => {
    for (const operator of stack.services.operator) operator.freeze();
    const running = load();
    try {
      // One after the other, each until it is in force: what a binding by index would get wrong for good.
      for (const [name, how] of Object.entries<Edit>({ ...edits, insertAnother: edits.insertFirst })) {
        await edit(how);
        const start = performance.now();
        await until(() => current({ shares: false }), { what: `${name} is in force`, deadlineMs: 20_000 });
        process.stderr.write(
          `${name} without an operator: in force after ${Math.round(performance.now() - start)} ms\n`,
        );
        await delay(200);
      }
      await manyEdits();
      for (const operator of stack.services.operator) operator.thaw();
      await untilCurrent('operators are back');
    } finally {
      for (const operator of stack.services.operator) operator.thaw();
      await running.stop();
    }
    judge('operators are stopped', running.answers);
  },
  suiteDeadlineMs,
);
