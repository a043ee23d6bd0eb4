import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startKubeApi } from '@tsgateway/embedded-kube';
import { Informer } from './informer.ts';
import { KubeClient } from './kube-client.ts';
import type { Resource } from './resource.ts';
import { kubeSuite } from './testing/kube-suite.ts';
import { quietLog } from './testing/quiet-log.ts';
import { until } from './testing/scripted-server.ts';

describe.each([
  ['http', false],
  ['https', true],
])('against the embedded API over %s', (_name, tls) => {
  kubeSuite((options) => startKubeApi({ ...options, tls }));
});

describe('bookmarks', () => {
  // A real API server sends one a minute.
  it('carry on what happens to other kinds', async () => {
    const api = await startKubeApi({ limits: { bookmarkIntervalMs: 50 } });
    const folder = mkdtempSync(join(tmpdir(), 'kube-'));
    writeFileSync(join(folder, 'config'), api.kubeconfig());
    const client = KubeClient.connect({ kubeconfigPath: join(folder, 'config'), userAgent: 'spec' });
    const of = (kind: string, plural: string): Resource => ({
      group: '',
      version: 'v1',
      kind,
      plural,
      namespaced: true,
    });
    const informer = new Informer({ client, resource: of('ConfigMap', 'configmaps'), log: quietLog() });
    const stop = new AbortController();
    const running = informer.run(stop.signal);
    await until(() => informer.store.hasSynced);
    const seen = informer.store.resourceVersion;
    await client.create(of('Secret', 'secrets'), { metadata: { namespace: 'default', name: 's' } });
    await until(() => informer.store.resourceVersion > seen);
    expect(informer.store.list()).toEqual([]);
    stop.abort();
    await running;
    await client.close();
    await api.close();
    rmSync(folder, { recursive: true });
  });
});
