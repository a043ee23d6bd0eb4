import { describe, expect, it } from '@jest/globals';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { PostClusterModifyRequest, PostClusterModifyResponse } from '@tsgateway/protos/proto/extension/service';
import { stampCluster, unchanged } from './cluster-hook.ts';
import { metadataKey, readStamp } from './stamp.ts';
import { ruleCluster, stamped } from './testing/envoy-gateway.ts';

const cluster = ruleCluster('httproute/default/web/rule/0');
const stampOf = (c: Cluster) => readStamp(Cluster.encode(c).finish());

describe('the Cluster hook', () => {
  it('stamps the backends of the rule, and keeps what Envoy Gateway wrote', () => {
    const answer = stamped(cluster, ['TailscaleServices/web@3', 'TailscaleEndpoints/db@1']);
    expect(stampOf(answer)).toEqual([
      { kind: 'TailscaleServices', namespace: 'default', name: 'web', generation: 3 },
      { kind: 'TailscaleEndpoints', namespace: 'default', name: 'db', generation: 1 },
    ]);
    const { [metadataKey]: _, ...others } = answer.metadata?.filterMetadata ?? {};
    expect({ ...answer, metadata: { ...answer.metadata, filterMetadata: others } }).toEqual({
      ...cluster,
      _unknownFields: {},
      metadata: { ...cluster.metadata, filterMetadata: others },
    });
    expect(others).toEqual(cluster.metadata?.filterMetadata);
  });

  it('stamps a cluster without metadata, and stamps anew', () => {
    const bare = { ...cluster, metadata: undefined };
    const once = stamped(bare, ['TailscaleServices/web@3']);
    expect(stampOf(stamped(once, ['TailscaleServices/api@4']))).toEqual([
      { kind: 'TailscaleServices', namespace: 'default', name: 'api', generation: 4 },
    ]);
  });

  it('leaves other groups’ backends and broken objects alone', () => {
    const resources = [
      '{"apiVersion":"example.com/v1","kind":"TailscaleServices","metadata":{"namespace":"a","name":"b"}}',
      '{"apiVersion":"gateway.tailscale.com/v1alpha1","kind":"TailscaleGateway","metadata":{"namespace":"a","name":"b"}}',
      '{"apiVersion":"gateway.tailscale.com/v1alpha1","kind":"TailscaleServices","metadata":{}}',
      'null',
      '{',
    ].map((json) => ({ unstructuredBytes: Buffer.from(json) }));
    const request = PostClusterModifyRequest.fromPartial({
      cluster,
      postClusterContext: { backendExtensionResources: resources },
    });
    const bytes = PostClusterModifyRequest.encode(request).finish();
    expect(stampCluster(bytes)).toEqual(unchanged(bytes));
    expect(PostClusterModifyResponse.decode(stampCluster(bytes)).cluster).toEqual(
      PostClusterModifyRequest.decode(bytes).cluster,
    );
  });

  it('answers an empty request with nothing', () => {
    expect(stampCluster(new Uint8Array(0))).toHaveLength(0);
    expect(unchanged(new Uint8Array(0))).toHaveLength(0);
  });
});
