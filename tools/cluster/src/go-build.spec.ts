import { describe, expect, it } from '@jest/globals';
import { wrapperModule } from './go-build.ts';

const kubernetesMod = `module k8s.io/kubernetes

go 1.24.0

require (
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.130.1
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kubelet => ./staging/src/k8s.io/kubelet
)
`;

describe('wrapperModule', () => {
  it('asks for the same Go, and for the published form of each part', () => {
    expect(wrapperModule(kubernetesMod, '1.34.4')).toBe(`module tsgateway.invalid/kubernetes

go 1.24.0

require k8s.io/kubernetes v1.34.4

replace (
	k8s.io/api => k8s.io/api v0.34.4
	k8s.io/kubelet => k8s.io/kubelet v0.34.4
)
`);
  });

  it('refuses a file that is no go.mod', () => {
    expect(() => wrapperModule('', '1.34.4')).toThrow('the go.mod of Kubernetes 1.34.4 has no go line');
  });
});
