import { describe, expect, it } from '@jest/globals';
import { demoAnnotation, demoBackends } from './demo-backends.ts';
import { UsageError } from './options.ts';

const endpoints = (name: string, targets: (string | undefined)[], annotated = 'true') => ({
  apiVersion: 'gateway.tailscale.com/v1alpha1',
  kind: 'TailscaleEndpoints',
  metadata: { name, annotations: { [demoAnnotation]: annotated } },
  spec: { endpoints: targets.map((externalTarget, i) => ({ name: `${name}-${i}`, externalTarget })) },
});

describe('demoBackends', () => {
  it('are for annotated endpoints on loopback only', () => {
    expect(
      demoBackends([
        endpoints('web', ['127.0.0.1:18081', 'localhost:18082', '10.0.0.1:80', undefined]),
        endpoints('other', ['127.0.0.1:18083'], 'false'),
      ]),
    ).toEqual([
      { id: 'web/web-0', namespace: 'default', port: 18081 },
      { id: 'web/web-1', namespace: 'default', port: 18082 },
    ]);
  });

  it('cannot be two on one port', () => {
    const attempt = () => demoBackends([endpoints('a', ['127.0.0.1:1']), endpoints('b', ['127.0.0.1:1'])]);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow('a/a-0 and b/b-0 have the same externalTarget: port 1');
  });
});
