import { describe, expect, it } from '@jest/globals';
import { annotations, FINALIZER } from '@tsgateway/api';
import { endpointsObject, servicesObject } from '../testing/objects.ts';
import { metadataPatch, vipPlan } from './vip-plan.ts';

const target = (tailnet: string, serviceName = 'svc:web') => ({ tailnet, serviceName });
const recorded = (t: object) => ({
  annotations: { [annotations.vipServiceRecord]: JSON.stringify(t) },
  finalizers: [FINALIZER],
});
const vip = { vipService: { name: 'svc:web' } };
const plan = (options: Parameters<typeof servicesObject>[1], tailnets: string[], metadata: object = {}) => {
  const object = servicesObject('web', options, metadata);
  return vipPlan({
    stored: object,
    good: object,
    selected: tailnets.map((tailnet, i) => endpointsObject(`e${i}`, { tailnet })),
  });
};

describe('vipPlan', () => {
  it('wants nothing where no VIP service is asked for', () => {
    expect(plan({}, ['a'])).toMatchObject({ leave: undefined, want: undefined, tailnetUnknown: false });
  });

  it('takes the first tailnet of the selected endpoints by name, and names the others', () => {
    expect(plan(vip, ['b', 'a', 'b'])).toMatchObject({ want: target('a'), otherTailnets: ['b'] });
  });

  it('stays in the tailnet where it is while endpoints of it are selected', () => {
    expect(plan(vip, ['b', 'a'], recorded(target('b')))).toMatchObject({
      want: target('b'),
      leave: undefined,
      otherTailnets: ['a'],
    });
  });

  it('falls back to the template, then to where it is, then says that it does not know', () => {
    expect(plan({ ...vip, endpointTemplate: { tailnet: 't' } }, [])).toMatchObject({ want: target('t') });
    expect(plan(vip, [], recorded(target('r')))).toMatchObject({ want: target('r'), leave: undefined });
    expect(plan(vip, [])).toMatchObject({ want: undefined, tailnetUnknown: true });
  });

  it('leaves what it had under another name or in another tailnet', () => {
    expect(plan(vip, ['a'], recorded(target('b')))).toMatchObject({ leave: target('b'), want: target('a') });
    expect(plan(vip, ['a'], recorded(target('a', 'svc:old')))).toMatchObject({ leave: target('a', 'svc:old') });
    expect(plan({}, ['a'], recorded(target('a')))).toMatchObject({ leave: target('a'), want: undefined });
    expect(plan(vip, ['a'], recorded(target('a')))).toMatchObject({ leave: undefined });
  });

  it('leaves at the end, and keeps what it has while the object is invalid', () => {
    const dying = servicesObject('web', vip, { ...recorded(target('a')), deletionTimestamp: 'now' });
    expect(vipPlan({ stored: dying, good: undefined, selected: [] })).toMatchObject({
      leave: target('a'),
      want: undefined,
    });
    const invalid = servicesObject('web', vip, recorded(target('a')));
    expect(vipPlan({ stored: invalid, good: undefined, selected: [] })).toMatchObject({
      leave: undefined,
      want: undefined,
    });
  });

  it('is named after the object where the spec has no name', () => {
    expect(plan({ vipService: {} }, ['a'])).toMatchObject({ want: target('a', 'svc:web') });
  });
});

describe('metadataPatch', () => {
  it('adds and removes its own finalizer only, bound to the version it has seen', () => {
    const before = servicesObject('web', vip, { finalizers: ['other'], resourceVersion: '7' });
    const patch = metadataPatch(before, target('a'));
    expect(patch).toEqual({
      metadata: {
        resourceVersion: '7',
        finalizers: ['other', FINALIZER],
        annotations: { [annotations.vipServiceRecord]: '{"tailnet":"a","serviceName":"svc:web"}' },
      },
    });
    const after = servicesObject('web', vip, recorded(target('a')));
    expect(metadataPatch(after, target('a'))).toBeUndefined();
    expect(metadataPatch(after, undefined)).toMatchObject({
      metadata: { finalizers: [], annotations: { [annotations.vipServiceRecord]: null } },
    });
  });
});
