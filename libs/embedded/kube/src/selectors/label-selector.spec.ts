import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '../object.ts';
import { StatusError } from '../status-error.ts';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';

describe('parseLabelSelector', () => {
  it.each<[string, Record<string, string> | undefined, boolean]>([
    ['a=b', { a: 'b' }, true],
    ['a==b', { a: 'c' }, false],
    ['a!=b', undefined, true],
    ['a!=b', { a: 'b' }, false],
    ['a in (x, y)', { a: 'y' }, true],
    ['a in (x,y),b', { a: 'x' }, false],
    ['a notin (x)', {}, true],
    ['a notin (x)', { a: 'x' }, false],
    ['!a', {}, true],
    ['a', { a: '' }, true],
    ['a=', { a: '' }, true],
    ['example.com/a=b', { 'example.com/a': 'b' }, true],
    ['n>5', { n: '6' }, true],
    ['n<5', { n: 'x' }, false],
    ['constructor', {}, false],
  ])('%s on %j: %s', (selector, labels, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });

  it.each(['a in (b', '=x', 'a in', 'a b', 'a=b c', 'n>x'])('refuses %j', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(StatusError);
  });
});

describe('parseFieldSelector', () => {
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n' },
    status: { phase: 'Running' },
  };

  it.each([
    ['metadata.name=p', true],
    ['metadata.name!=p', false],
    ['metadata.namespace=n,status.phase=Running', true],
    ['status.phase!=Pending', true],
    ['', true],
  ])('%s: %s', (selector, expected) => {
    expect(parseFieldSelector(selector, ['status.phase'])(pod)).toBe(expected);
  });

  it.each(['spec.x=1', 'metadata.name', 'status.podIP=1'])('refuses %s', (selector) => {
    expect(() => parseFieldSelector(selector, ['status.phase'])).toThrow(StatusError);
  });
});
