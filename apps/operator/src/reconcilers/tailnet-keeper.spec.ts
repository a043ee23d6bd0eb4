import { describe, expect, it } from '@jest/globals';
import { annotations, defaulted, FINALIZER, type TailscaleServices, type TailscaleTailnet } from '@tsgateway/api';
import { KubeError } from '@tsgateway/kube';
import { servicesObject } from '../testing/objects.ts';
import { tailnetKeeper } from './tailnet-keeper.ts';

const demo = (metadata: object = {}): TailscaleTailnet =>
  defaulted('TailscaleTailnet', {
    apiVersion: 'gateway.tailscale.com/v1alpha1',
    kind: 'TailscaleTailnet',
    metadata: { name: 'demo', resourceVersion: '7', ...metadata },
    spec: { oauthSecretName: 'oauth' },
  });
const userOf = (tailnet: string): TailscaleServices =>
  servicesObject(
    'web',
    {},
    { annotations: { [annotations.vipServiceRecord]: JSON.stringify({ tailnet, serviceName: 'svc:web' }) } },
  );

async function keep(tailnet: TailscaleTailnet, users: TailscaleServices[], failure?: KubeError) {
  const seen: unknown[] = [];
  const reconcile = tailnetKeeper({
    client: {
      patch: ((_r: unknown, _ref: unknown, { body }: { body: { metadata: { finalizers: string[] } } }) => {
        seen.push(body.metadata.finalizers);
        return failure ? Promise.reject(failure) : Promise.resolve(tailnet);
      }) as never,
    },
    store: { get: () => tailnet },
    services: { list: () => users },
    events: { record: (_r, _o, { note }) => seen.push(note) },
  });
  await reconcile('demo', new AbortController().signal);
  return seen;
}

describe('tailnetKeeper', () => {
  it('keeps a tailnet from its first VIP service to its last, beside what others keep it for', async () => {
    expect(await keep(demo({ finalizers: ['other'] }), [userOf('demo')])).toEqual([['other', FINALIZER]]);
    expect(await keep(demo({ finalizers: ['other', FINALIZER] }), [userOf('demo')])).toEqual([]);
    expect(await keep(demo({ finalizers: ['other', FINALIZER] }), [userOf('elsewhere')])).toEqual([['other']]);
    expect(await keep(demo(), [])).toEqual([]);
  });

  it('says whom a deletion waits for', async () => {
    const dying = { deletionTimestamp: 'now' };
    expect(await keep(demo({ ...dying, finalizers: [FINALIZER] }), [userOf('demo')])).toEqual([
      expect.stringContaining('shop/web'),
    ]);
    // Too late for a finalizer.
    expect(await keep(demo({ ...dying, finalizers: ['other'] }), [userOf('demo')])).toHaveLength(1);
    expect(await keep(demo({ ...dying, finalizers: [FINALIZER] }), [])).toEqual([[]]);
  });

  it('leaves a stale cache alone', async () => {
    const conflict = new KubeError({ status: 409, reason: 'Conflict', message: 'x', path: '/' });
    expect(await keep(demo(), [userOf('demo')], conflict)).toHaveLength(1);
  });
});
