import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { registryKey, rfc3339 } from './derived-view.ts';

describe('derived view', () => {
  it('writes times as RFC 3339', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (ms) => {
        expect(rfc3339(ms)).toBe(new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z'));
      }),
    );
  });

  it('names the registry after the service', () => {
    expect(registryKey('svc:shared-database')).toBe('shared-database-registry');
  });
});
