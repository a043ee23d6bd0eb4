import { describe, expect, it } from '@jest/globals';
import { annotations, type TailscaleGateway, type TailscaleGatewaySync } from '@tsgateway/api';
import type { MeshRoute, MeshService } from '@tsgateway/model';
import type { Attached } from './attached.ts';
import { OwedTranslations } from './owed-translations.ts';
import { syncReconciler } from './sync-reconciler.ts';

const KEY = 'shop/eg';
const ref = { group: 'gateway.tailscale.com', kind: 'TailscaleServices', namespace: 'shop', name: 'web', port: 80 };
const routeOf = (weight: number): MeshRoute => ({
  ...{ kind: 'HTTPRoute', namespace: 'shop', name: 'web', generation: 1 },
  rules: [{ backendRefs: [{ ...ref, weight }] }],
});

/** A cluster of one Gateway; the cache has what was written once the test says so. */
function start() {
  const state = {
    nowMs: 1_000_000,
    version: 100,
    revision: 90n,
    routes: [routeOf(1)] as readonly MeshRoute[],
    namedBy: [] as readonly TailscaleGateway[],
    controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
    uid: 'gateway-1' as string | undefined,
    cached: undefined as TailscaleGatewaySync | undefined,
    stored: undefined as TailscaleGatewaySync | undefined,
    writes: 0,
  };
  const owed = new OwedTranslations();
  const attached = (): Attached => ({
    gateway: state.uid === undefined ? undefined : { metadata: { name: 'eg', namespace: 'shop', uid: state.uid } },
    gatewayClass: { metadata: { name: 'eg' }, spec: { controllerName: state.controllerName } },
    routes: state.routes,
    accepted: false,
    namedBy: state.namedBy,
    bootstrap: { kind: 'not-served' },
  });
  const create = () =>
    syncReconciler({
      client: {
        apply: (_resource, object) => {
          state.version += 10;
          const metadata = { ...object.metadata, uid: 'sync-1', resourceVersion: String(state.version) };
          state.stored = { ...object, metadata } as unknown as TailscaleGatewaySync;
          return Promise.resolve(state.stored as never);
        },
        delete: () => {
          state.stored = undefined;
          return Promise.resolve();
        },
      },
      store: { get: () => state.cached },
      attachedTo: attached,
      serviceOf: (): MeshService | undefined => undefined,
      revision: () => state.revision,
      fieldManager: 'spec',
      owed,
      onWritten: () => {
        state.writes += 1;
      },
      now: () => state.nowMs,
    });
  let reconciler = create();
  return {
    ...{ state, owed },
    reconcile: () => reconciler(KEY, new AbortController().signal),
    catchUp: () => (state.cached = state.stored),
    restart: () => (reconciler = create()),
  };
}

describe('syncReconciler', () => {
  it('writes the revision of the model, and no more in a steady state, wherever the cache is', async () => {
    const { state, reconcile, catchUp, restart } = start();
    await reconcile();
    expect(state.stored?.spec).toMatchObject({ revision: '90', targetRefs: [{ kind: 'Gateway', name: 'eg' }] });
    expect(state.stored?.metadata.annotations?.[annotations.structure]).toMatch(/^[0-9a-f]{16}$/);
    state.revision = 500n;
    catchUp();
    await reconcile();
    restart();
    await reconcile();
    expect(state.writes).toBe(1);
  });

  it('writes at most once a second, and does not forget what it put off', async () => {
    const { state, reconcile, catchUp } = start();
    await reconcile();
    catchUp();
    state.routes = [routeOf(2)];
    state.nowMs += 400;
    expect(await reconcile()).toEqual({ requeueAfterMs: 600 });
    expect(state.writes).toBe(1);
    state.nowMs += 600;
    state.revision = 105n;
    await reconcile();
    expect([state.writes, state.stored?.spec.revision]).toEqual([2, '105']);
    // The cache is still behind: no reason to write it once more.
    state.nowMs += 5_000;
    await reconcile();
    expect(state.writes).toBe(2);
  });

  it('writes a newer revision for an unchanged structure once for each process that owes a translation', async () => {
    const { state, owed, reconcile, catchUp } = start();
    await reconcile();
    for (const [boot, first, revision] of [
      ['a', true, 120n],
      ['a', false, 140n],
      ['b', true, 160n],
    ] as const) {
      catchUp();
      state.nowMs += 2_000;
      state.revision = revision;
      expect(owed.add(boot, [KEY, 'shop/other'])).toBe(first);
      await reconcile();
    }
    expect([state.writes, state.stored?.spec.revision]).toEqual([3, '160']);
  });

  it('makes it again where somebody deleted it, or its Gateway is another', async () => {
    const { state, reconcile, catchUp } = start();
    await reconcile();
    catchUp();
    state.cached = undefined;
    state.nowMs += 2_000;
    await reconcile();
    catchUp();
    state.uid = 'gateway-2';
    state.nowMs += 2_000;
    await reconcile();
    expect(state.writes).toBe(3);
    expect(state.stored?.metadata.ownerReferences?.[0]?.uid).toBe('gateway-2');
  });

  it('replaces a revision that this cluster cannot have had: everybody would wait for it', async () => {
    const { state, reconcile, catchUp, restart } = start();
    await reconcile();
    const sync = catchUp();
    state.cached = sync && { ...sync, spec: { ...sync.spec, revision: '99999' } };
    restart();
    await reconcile();
    expect([state.writes, state.stored?.spec.revision]).toEqual([2, '90']);
  });

  it('deletes it where no route of ours is left, unless a TailscaleGateway names the Gateway', async () => {
    const { state, reconcile, catchUp } = start();
    await reconcile();
    catchUp();
    state.routes = [];
    state.namedBy = [{} as TailscaleGateway];
    state.nowMs += 2_000;
    await reconcile();
    expect(state.stored).toBeDefined();
    state.namedBy = [];
    await reconcile();
    expect(state.stored).toBeUndefined();
  });

  it("leaves others' Gateways alone, and those that are not there", async () => {
    const { state, reconcile } = start();
    state.controllerName = 'example.com/other';
    await reconcile();
    state.controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
    state.uid = undefined;
    await reconcile();
    expect(state.writes).toBe(0);
  });
});
