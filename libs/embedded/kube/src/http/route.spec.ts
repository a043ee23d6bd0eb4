import { describe, expect, it } from '@jest/globals';
import { acceptedShape, wantsAggregatedDiscovery } from './negotiate.ts';
import { parseResourcePath } from './route.ts';

describe('parseResourcePath', () => {
  const none = { group: '', version: 'v1', namespace: undefined, name: undefined, subresource: '' };
  it.each([
    ['/api/v1/pods', { ...none, plural: 'pods' }],
    ['/api/v1/namespaces', { ...none, plural: 'namespaces' }],
    ['/api/v1/namespaces/a', { ...none, plural: 'namespaces', name: 'a' }],
    ['/api/v1/namespaces/a/status', { ...none, plural: 'namespaces', name: 'a', subresource: 'status' }],
    ['/api/v1/namespaces/a/pods', { ...none, namespace: 'a', plural: 'pods' }],
    [
      '/api/v1/namespaces/a/pods/b/status',
      { ...none, namespace: 'a', plural: 'pods', name: 'b', subresource: 'status' },
    ],
    ['/apis/apps/v1/deployments', { ...none, group: 'apps', plural: 'deployments' }],
    [
      '/apis/a.b/v1/namespaces/n/things/x%2Dy',
      { ...none, group: 'a.b', namespace: 'n', plural: 'things', name: 'x-y' },
    ],
    ['/api/v1/namespaces/a/pods/b/c/d', undefined],
    ['/api/v1/pods/%zz', undefined],
    ['/api', undefined],
    ['/apis/a.b/v1', undefined],
    ['/nope/v1/pods', undefined],
  ])('%s', (path, expected) => {
    expect(parseResourcePath(path)).toEqual(expected);
  });
});

describe('negotiation', () => {
  it('takes the first form it knows', () => {
    expect(acceptedShape('application/json;as=Table;v=v1;g=meta.k8s.io,application/json').as).toBe('table');
    expect(acceptedShape('application/json;as=Table;v=v9,application/json').as).toBe('object');
    expect(acceptedShape('application/vnd.kubernetes.protobuf,application/json').as).toBe('object');
    expect(acceptedShape(undefined).as).toBe('object');
    expect(wantsAggregatedDiscovery('application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList')).toBe(
      false,
    );
  });
});
