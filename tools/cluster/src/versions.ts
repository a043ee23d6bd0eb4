/**
 * The version of each part that is fetched or built. Kubernetes 1.34 is the last minor that runs with what Debian 12 has:
 * containerd 1.6 and control groups v1.
 */
export const versions = {
  kubernetes: '1.34.4',
  'envoy-gateway': '1.9.0',
  envoy: '1.40.0',
  coredns: '1.14.0',
  helm: '3.22.0',
} as const;

export type Product = keyof typeof versions;
