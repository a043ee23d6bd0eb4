import { describe, expect, it } from '@jest/globals';
import type { GenericObject, Resource } from './resource.ts';
import { sameJson, StatusWriter } from './status-writer.ts';

const webs: Resource = { group: 'example.com', version: 'v1', plural: 'webs', kind: 'Web', namespaced: true };
const web = (version: string, status?: unknown): GenericObject => ({
  metadata: { namespace: 'a', name: 'x', uid: 'u', resourceVersion: version },
  status,
});

describe('StatusWriter', () => {
  it('writes only what differs, whatever the order of keys', async () => {
    const applied: unknown[] = [];
    const applyStatus = ((_r: unknown, _ref: unknown, o: { status: unknown }) => {
      applied.push(o.status);
      return Promise.resolve(web('8', o.status));
    }) as never;
    const writer = new StatusWriter({ client: { applyStatus }, resource: webs, fieldManager: 'me' });
    expect(await writer.applyIfChanged(web('7', { a: 1, b: 2 }), { b: 2, a: 1, c: undefined })).toBe(false);
    expect(await writer.applyIfChanged(web('7', { a: 1 }), { a: 2, c: undefined })).toBe(true);
    expect(applied).toEqual([{ a: 2 }]);
    // The cache still has the past: what was written counts, until the cache has caught up.
    expect(writer.newest(web('7', { a: 1 })).status).toEqual({ a: 2 });
    expect(writer.newest(web('9', { a: 3 })).status).toEqual({ a: 3 });
    expect(writer.newest(web('7', { a: 1 })).status).toEqual({ a: 1 });
  });

  it('knows JSON equality', () => {
    expect(sameJson({ a: [1, { b: undefined }] }, { a: [1, {}] })).toBe(true);
    expect(sameJson([1, 2], [2, 1])).toBe(false);
    expect(sameJson(undefined, {})).toBe(false);
  });
});
