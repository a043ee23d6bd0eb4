import { describe, expect, it } from '@jest/globals';
import { PostTranslateModifyRequest } from '@tsgateway/protos/proto/extension/service';
import { clusterHookRequest, requestOfBytes, translationRequest, translationResources } from './requests.ts';
import { plainCluster, ruleName, tlsCluster } from './resources.ts';

describe('requests like those of Envoy Gateway', () => {
  it('have its sizes', () => {
    const rule = ruleName('team-07', 'checkout-service-123');
    expect(plainCluster(rule).length).toBeGreaterThan(243);
    expect(plainCluster(rule).length).toBeLessThan(500);
    expect(tlsCluster(rule).length).toBeGreaterThan(1000);
    expect(tlsCluster(rule).length).toBeLessThan(1600);
    expect(clusterHookRequest(7).length).toBeGreaterThan(900);
    expect(clusterHookRequest(7).length).toBeLessThan(1500);
    expect(requestOfBytes(2_000_000).length / 2_000_000).toBeCloseTo(1, 0);
  });

  it('are the same on every run', () => {
    const shape = { foreign: 20, tls: 'some', custom: 3 } as const;
    const request = translationRequest(translationResources(shape));
    expect(translationRequest(translationResources(shape)).equals(request)).toBe(true);
    const decoded = PostTranslateModifyRequest.decode(request);
    expect(decoded.clusters.length).toBe(23);
    expect(decoded.routes.flatMap((r) => r.virtualHosts.flatMap((h) => h.routes)).length).toBe(23);
  });
});
