import { describe, expect, it } from '@jest/globals';
import {
  annotations as keys,
  defaulted,
  FINALIZER,
  type TailscaleServices,
  type TailscaleTailnet,
} from '@tsgateway/api';
import { KubeError } from '@tsgateway/kube';
import { MeshCatalog } from '../catalog/mesh-catalog.ts';
import { CoordinatorError } from '../coordinator/coordinator.ts';
import type { VipOutcome } from '../status/vip-outcome.ts';
import { endpointsObject, servicesObject } from '../testing/objects.ts';
import { vipReconciler } from './vip-reconciler.ts';

const demo: TailscaleTailnet = defaulted('TailscaleTailnet', {
  apiVersion: 'gateway.tailscale.com/v1alpha1',
  kind: 'TailscaleTailnet',
  metadata: { name: 'demo', generation: 1 },
  spec: { oauthSecretName: 'oauth' },
});
const key = 'shop/web';
const signal = new AbortController().signal;

/** An API that merges metadata patches, a coordinator that does as it is told; all calls in one list, in order. */
function start() {
  const catalog = new MeshCatalog();
  catalog.setEndpoints(endpointsObject('east'));
  const calls: string[] = [];
  const outcomes: (VipOutcome | undefined)[] = [];
  const vips = new Map<string, VipOutcome>();
  const tailnets = new Map([['demo', demo]]);
  const state = {
    object: undefined as TailscaleServices | undefined,
    nowMs: 0,
    fail: undefined as Error | undefined,
    conflict: false,
  };
  const put = (object: TailscaleServices): void => {
    state.object = object;
    catalog.setServices(object);
  };
  const reconcile = vipReconciler({
    client: {
      patch: ((
        _r: unknown,
        _ref: unknown,
        { body }: { body: { metadata: { finalizers: string[]; annotations: Record<string, string> } } },
      ) => {
        if (state.conflict)
          return Promise.reject(new KubeError({ status: 409, reason: 'Conflict', message: 'x', path: '/' }));
        const { finalizers, annotations } = body.metadata;
        calls.push(`patch ${finalizers.join()} ${annotations[keys.vipServiceRecord] ?? 'null'}`);
        if (state.object) put({ ...state.object, metadata: { ...state.object.metadata, finalizers, annotations } });
        return Promise.resolve(state.object);
      }) as never,
    },
    store: { get: () => state.object },
    tailnets,
    catalog,
    coordinator: {
      ensure: (request) => {
        calls.push(
          `ensure ${request.service?.name} ${request.tailnet?.secretNamespace}/${request.tailnet?.secretName}`,
        );
        return state.fail
          ? Promise.reject(state.fail)
          : Promise.resolve({
              service: request.service,
              addresses: ['100.100.0.1'],
              dnsName: 'web.demo.ts.net',
              ownerOperator: 'me',
              consumerOperators: [],
              registryKey: 'k',
              created: true,
              specConflicts: [],
            });
      },
      detach: (request) => {
        calls.push(`detach ${request.serviceName}`);
        return state.fail ? Promise.reject(state.fail) : Promise.resolve({ deleted: true });
      },
    },
    events: { record: (_r, _o, event) => calls.push(`event ${event.reason}`) },
    operatorId: 'me',
    operatorNamespace: 'system',
    vips,
    onOutcome: () => outcomes.push(vips.get(key)),
    now: () => state.nowMs,
    random: () => 0,
  });
  return { state, put, calls, outcomes, vips, tailnets, run: () => reconcile(key, signal) };
}

const web = (metadata: object = {}, name = 'svc:web') => servicesObject('web', { vipService: { name } }, metadata);

describe('vipReconciler', () => {
  it('records before it asks, asks once, and again after five minutes', async () => {
    const { state, put, calls, outcomes, run } = start();
    put(web());
    expect(await run()).toEqual({ requeueAfterMs: 300_000 });
    expect(calls).toEqual([
      `patch ${FINALIZER} {"tailnet":"demo","serviceName":"svc:web"}`,
      'ensure svc:web system/oauth',
    ]);
    expect(outcomes).toMatchObject([{ kind: 'ensured', isOwner: true, addresses: ['100.100.0.1'] }]);
    await run();
    expect(calls).toHaveLength(2);
    state.nowMs = 300_000;
    await run();
    expect(calls).toHaveLength(3);
    expect(outcomes).toHaveLength(1);
  });

  it('leaves the old one before it joins the new one', async () => {
    const { put, calls, run, state } = start();
    put(web());
    await run();
    calls.length = 0;
    put(web(state.object?.metadata, 'svc:shop'));
    await run();
    expect(calls).toEqual(['detach svc:web', expect.stringContaining('svc:shop'), 'ensure svc:shop system/oauth']);
  });

  it('lets an object go only after it has left', async () => {
    const { put, calls, run, state } = start();
    put(web());
    await run();
    calls.length = 0;
    put(web({ ...state.object?.metadata, deletionTimestamp: 'now' }));
    state.fail = new CoordinatorError('CoordinatorUnreachable', 'away');
    await expect(run()).rejects.toThrow('away');
    // Whoever waits for the deletion sees what it waits for.
    expect(calls).toEqual(['detach svc:web', 'event VIPServiceNotLeft']);
    calls.length = 0;
    state.fail = undefined;
    await run();
    expect(calls).toEqual(['detach svc:web', 'patch  null']);
  });

  it('does not hold an object for a tailnet that is gone, but says what stays behind', async () => {
    const { put, calls, run, state, tailnets } = start();
    put(web());
    await run();
    calls.length = 0;
    tailnets.clear();
    put(web({ ...state.object?.metadata, deletionTimestamp: 'now' }));
    await run();
    expect(calls).toEqual(['event VIPServiceAbandoned', 'patch  null']);
  });

  it('tells of failures, and keeps them to the object', async () => {
    const { put, run, state, outcomes, tailnets } = start();
    put(web());
    state.fail = new CoordinatorError('VIPServiceFailed', 'no such scope');
    await expect(run()).rejects.toThrow('no such scope');
    expect(outcomes.at(-1)).toEqual({ kind: 'failed', reason: 'VIPServiceFailed', message: 'no such scope' });
    state.fail = undefined;
    tailnets.clear();
    await run();
    expect(outcomes.at(-1)).toMatchObject({ kind: 'failed', reason: 'TailnetUnknown' });
  });

  it('asks again when it was told to, and not before', async () => {
    const { put, run, state, outcomes } = start();
    put(web());
    state.fail = new CoordinatorError('RateLimited', 'slow down', { retryAfterMs: 15_000 });
    expect(await run()).toEqual({ requeueAfterMs: 15_000 });
    expect(outcomes.at(-1)).toEqual({ kind: 'failed', reason: 'RateLimited', message: 'slow down' });
  });

  it('does nothing on a stale cache: the event that makes it new will come', async () => {
    const { put, run, state, calls } = start();
    put(web());
    state.conflict = true;
    expect(await run()).toBeUndefined();
    expect(calls).toEqual([]);
  });
});
