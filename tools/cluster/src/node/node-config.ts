import type { KubeObject, Resource } from '@tsgateway/kube';
import { stringify } from 'yaml';
import { podRange } from '../control-plane-args.ts';
import { cgroupName } from './cgroup.ts';

/** What pods dial, and what the API server advertises: on a bridge of ours, so that nothing of the machine's own network is used. */
export const nodeAddress = '10.254.0.1';
export const nodeName = 'node0';
export const bridge = 'tsgw0';
/** Of the bridge, in the pods' range: the first, as host-local tells pods. */
export const podGateway = '10.244.0.1/24';
export const pauseImage = 'localhost/pause:1';
export const dnsAddress = '10.96.0.10';
/** CoreDNS says on it that it is ready. */
export const dnsReadyPort = 8181;

/** Of the node; every path is below one folder. */
export interface NodePaths {
  readonly dir: string;
  readonly containerdSocket: string;
}

/** containerd's, in its version 2. */
export function containerdConfig({ dir, containerdSocket }: NodePaths): string {
  return `version = 2
root = "${dir}/containerd"
state = "${dir}/containerd-state"

[grpc]
  address = "${containerdSocket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Lowering a score needs CAP_SYS_RESOURCE, which root in a container often lacks.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${dir}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "${dir}/runc"
`;
}

/** Pods on a bridge that has its addresses already. Neither ipMasq nor portmap: they write iptables rules that nobody removes after a crash. */
export function cniConfig({ dir }: NodePaths): string {
  const bridgePlugin = {
    type: 'bridge',
    bridge,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      dataDir: `${dir}/cni-addresses`,
      ranges: [[{ subnet: podRange }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
  return `${JSON.stringify({ cniVersion: '0.4.0', name: 'tsgateway', plugins: [bridgePlugin] }, undefined, 2)}\n`;
}

export function kubeletConfig({ dir, containerdSocket }: NodePaths, caFile: string): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress,
    healthzBindAddress: nodeAddress,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: caFile } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroupName}`,
    clusterDNS: [dnsAddress],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    enforceNodeAllocatable: [],
    // Images are loaded, not pulled: what is collected does not come back. Nor is a full disk the test's fault.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    podLogsDir: `${dir}/pod-logs`,
    resolvConf: '',
    serializeImagePulls: false,
    volumePluginDir: `${dir}/volume-plugins`,
  });
}

export function kubeProxyConfig(kubeconfig: string): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig },
    clusterCIDR: podRange,
    hostnameOverride: nodeName,
    healthzBindAddress: `${nodeAddress}:10256`,
    metricsBindAddress: `${nodeAddress}:10249`,
    // The machine's own limits stay.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}

/** @param forward also names outside the cluster, as the machine resolves them */
export function corefile(kubeconfig: string, { forward }: { readonly forward: boolean }): string {
  return `.:53 {
  bind ${nodeAddress}
  errors
  ready ${nodeAddress}:${dnsReadyPort}
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${kubeconfig}
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 5
  }
${forward ? '  forward . /etc/resolv.conf\n  cache 5\n' : ''}}
`;
}

/** The Service that pods are told of, with CoreDNS on the node behind it, and what CoreDNS may read. */
export function dnsObjects(dnsUser: string): readonly (readonly [Resource, KubeObject])[] {
  const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: false };
  const service = { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true };
  const slice = { ...service, group: 'discovery.k8s.io', plural: 'endpointslices', kind: 'EndpointSlice' };
  const namespace = 'kube-system';
  const name = 'kube-dns';
  const labels = { 'k8s-app': name };
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ];
  const read = (apiGroup: string, resources: string[]) => ({
    apiGroups: [apiGroup],
    resources,
    verbs: ['list', 'watch'],
  });
  const objects = [
    [service, { metadata: { namespace, name, labels }, spec: { clusterIP: dnsAddress, ports } }],
    [
      slice,
      {
        metadata: { namespace, name, labels: { ...labels, 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [nodeAddress], conditions: { ready: true } }],
        ports,
      },
    ],
    [
      { ...rbac, plural: 'clusterroles', kind: 'ClusterRole' },
      {
        metadata: { name: dnsUser },
        rules: [read('', ['services', 'namespaces', 'pods']), read('discovery.k8s.io', ['endpointslices'])],
      },
    ],
    [
      { ...rbac, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding' },
      {
        metadata: { name: dnsUser },
        roleRef: { apiGroup: rbac.group, kind: 'ClusterRole', name: dnsUser },
        subjects: [{ apiGroup: rbac.group, kind: 'User', name: dnsUser }],
      },
    ],
  ] as const;
  return objects;
}
