import { describe, expect, it } from '@jest/globals';
import { type MeshRoute, type MeshService, routeKey, serviceKey, snapshotOf } from '@tsgateway/model';
import type { Logger } from '@tsgateway/process';
import { PostTranslateModifyResponse } from '@tsgateway/protos/proto/extension/service';
import type { GatheredMessage } from '@tsgateway/xds';
import { MeshState } from '../mesh/mesh-state.ts';
import { translationRequest } from '../testing/translation-request.ts';
import { HookError } from './hook-error.ts';
import { TranslationHook } from './translation-hook.ts';

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => log,
};

const service = (generation: number): MeshService => ({
  kind: 'TailscaleServices',
  namespace: 'default',
  name: 'web',
  generation,
  strategy: 'round-robin',
  failbackDelayMs: 0,
  groups: [],
});
const route: MeshRoute = {
  kind: 'HTTPRoute',
  namespace: 'default',
  name: 'web',
  generation: 1,
  rules: [
    {
      backendRefs: [
        {
          ...{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', namespace: 'default', name: 'web' },
          ...{ port: 80, weight: 1 },
        },
      ],
    },
  ],
};

function setup() {
  let now = 0;
  const timers = new Set<{ atMs: number; callback: () => void }>();
  const advance = (ms: number) => {
    now += ms;
    for (const t of [...timers]) if (t.atMs <= now && timers.delete(t)) t.callback();
  };
  const clock = {
    now: () => now,
    at: (atMs: number, callback: () => void) => {
      const timer = { atMs, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const state = new MeshState({ clock, onPlanned: () => undefined });
  const degraded: number[] = [];
  const refusedAt: number[] = [];
  const sources: ReadonlyMap<string, number>[] = [];
  let alive = true;
  const hook = new TranslationHook({
    ...{ state, log, caFile: undefined, accessLog: true, now: () => now, modelAlive: () => alive },
    onRefused: () => refusedAt.push(now),
    onDegraded: (count, bySource) => {
      degraded.push(count);
      sources.push(bySource);
    },
  });
  let revision = 0n;
  const model = (services: MeshService[], routes: MeshRoute[]) =>
    state.applyModel(
      snapshotOf({
        revision: (revision += 1n),
        services: new Map(services.map((s) => [serviceKey(s), s])),
        routes: new Map(routes.map((r) => [routeKey(r), r])),
        checkers: { epoch: 0, addresses: [] },
      }),
    );
  const lose = () => (alive = false);
  return { hook, model, advance, degraded, sources, refusedAt, lose, timers };
}

const request = (generation: number) =>
  translationRequest([
    { rule: 'httproute/default/web/rule/0', backend: { kind: 'TailscaleServices', name: 'web', generation } },
  ]);
const decoded = (response: GatheredMessage) => PostTranslateModifyResponse.decode(response.bytes());
const clusters = (response: GatheredMessage) => decoded(response).clusters.map((c) => c.name);

/** Whether a promise is settled once everything that can run has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  void promise.catch(() => undefined).then(() => (is = true));
  await new Promise(setImmediate);
  return is;
}

describe('the Translation hook', () => {
  it('answers at once where the model is up to date', async () => {
    const { hook, model, degraded, timers } = setup();
    model([service(2)], [route]);
    expect(clusters(await hook.handle(request(2)))).toEqual(['tsgateway/default/web/80']);
    expect(degraded).toEqual([0]);
    expect(timers.size).toBe(0);
  });

  it('gives a request without clusters of ours back, also without a model', async () => {
    const { hook } = setup();
    const plain = translationRequest([{ rule: 'httproute/default/other/rule/0' }]);
    expect(clusters(await hook.handle(plain))).toEqual(['httproute/default/other/rule/0']);
  });

  it('lets a GRPCRoute’s rule wait for the model, and fail while it is not known', async () => {
    const { hook, model, advance, sources } = setup();
    const answer = hook.handle(translationRequest([{ rule: 'grpcroute/default/api/rule/0' }]));
    model([service(1)], []);
    expect(await settled(answer)).toBe(false);
    advance(2000);
    const [configuration] = decoded(await answer).routes;
    expect(configuration?.virtualHosts[0]?.routes[0]?.action).toMatchObject({
      $case: 'directResponse',
      value: { status: 500, body: { specifier: { value: expect.stringContaining('grpcroute/default/api/rule/0') } } },
    });
    expect(sources).toEqual([new Map([['unbound', 1]])]);
  });

  it('is unavailable after 2 s without a model, and tells of it', async () => {
    const { hook, advance, refusedAt } = setup();
    const answer = hook.handle(request(1));
    advance(1999);
    expect(await settled(answer)).toBe(false);
    advance(1);
    await expect(answer).rejects.toBeInstanceOf(HookError);
    expect(refusedAt).toEqual([2000]);
  });

  it('waits for a model that is behind, and goes on in the moment in which it has caught up', async () => {
    const { hook, model, degraded } = setup();
    model([service(1)], []);
    const answer = hook.handle(request(2));
    model([service(2)], []);
    expect(await settled(answer)).toBe(false);
    model([service(2)], [route]);
    expect(clusters(await answer)).toEqual(['tsgateway/default/web/80']);
    expect(degraded).toEqual([0]);
  });

  it('does not wait where the model is ahead of Envoy Gateway', async () => {
    const { hook, model, degraded } = setup();
    model([service(2)], [route]);
    for (const routes of [[{ ...route, generation: 2, rules: [] }], []]) {
      model([service(2)], routes);
      const answer = hook.handle(request(1));
      expect(await settled(answer)).toBe(true);
      expect(clusters(await answer)).toEqual(['tsgateway/default/web/80']);
    }
    expect(degraded).toEqual([0, 0]);
  });

  it('waits 2 s, once, for what does not come', async () => {
    const { hook, model, advance, degraded } = setup();
    model([service(2)], []);
    const first = hook.handle(request(2));
    expect(await settled(first)).toBe(false);
    advance(2000);
    expect(clusters(await first)).toEqual(['tsgateway/default/web/0']);
    expect(degraded).toEqual([1]);
    expect(await settled(hook.handle(request(2)))).toBe(true);
    // What is new is waited for.
    expect(await settled(hook.handle(request(3)))).toBe(false);
  });

  it('does not wait for an operator that is away, and remembers the shares of a rule', async () => {
    const { hook, model, lose, degraded } = setup();
    model([service(1)], [route]);
    await hook.handle(request(1));
    // As often as no copy of before is kept any more.
    for (let generation = 2; generation < 8; generation++) model([service(1)], [{ ...route, generation, rules: [] }]);
    lose();
    expect(clusters(await hook.handle(request(1)))).toEqual(['tsgateway/default/web/80']);
    expect(degraded).toEqual([0, 1]);
  });
});
