import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { versions } from './versions.ts';

describe('versions', () => {
  it('has the Envoy that the one-machine run installs: both share one cache', async () => {
    const url = new URL('../../../libs/embedded/gateway/src/envoy/find-envoy.ts', import.meta.url);
    expect(/ENVOY_VERSION = '(.+)'/.exec(await readFile(url, 'utf8'))?.[1]).toBe(versions.envoy);
  });

  it('says exactly which: never a range or a tag', () => {
    for (const version of Object.values(versions)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
