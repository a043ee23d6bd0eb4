import { join } from 'node:path';

/** Where Services live, as in most clusters: manifests and charts that name an address mean this range. */
export const serviceRange = '10.96.0.0/16';
export const podRange = '10.244.0.0/24';

/** All that tells the processes of one control plane from those of another on the same machine. */
export interface ControlPlane {
  readonly dir: string;
  readonly ports: {
    readonly etcd: number;
    readonly etcdHealth: number;
    readonly apiServer: number;
    readonly controllerManager: number;
    readonly scheduler: number;
  };
  /** With nodes: what they and their pods dial. Without, the API server is on loopback alone. */
  readonly nodeAddress?: string | undefined;
}

/** What the API server is dialled by: by us, and by pods. */
export function apiServerHosts(nodeAddress: string | undefined): [string, ...string[]] {
  return [
    'kubernetes.default.svc.cluster.local',
    'kubernetes.default.svc',
    'kubernetes.default',
    'kubernetes',
    'localhost',
    '127.0.0.1',
    '10.96.0.1', // the first of the service range
    ...(nodeAddress === undefined ? [] : [nodeAddress]),
  ];
}

export function etcdArgs({ dir, ports }: ControlPlane): string[] {
  const clients = `https://127.0.0.1:${ports.etcd}`;
  return [
    `--data-dir=${join(dir, 'etcd')}`,
    '--unsafe-no-fsync', // what a crash of the machine loses is not missed
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    '--listen-peer-urls=http://127.0.0.1:0', // one member: nobody dials it
    `--listen-metrics-urls=http://127.0.0.1:${ports.etcdHealth}`,
    `--trusted-ca-file=${pki(dir, 'etcd-ca.crt')}`,
    `--cert-file=${pki(dir, 'etcd.crt')}`,
    `--key-file=${pki(dir, 'etcd.key')}`,
    '--client-cert-auth',
    '--quota-backend-bytes=4294967296', // room for fleets of a hundred thousand objects
  ];
}

export function apiServerArgs({ dir, ports, nodeAddress }: ControlPlane): string[] {
  return [
    `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
    `--etcd-cafile=${pki(dir, 'etcd-ca.crt')}`,
    `--etcd-certfile=${pki(dir, 'etcd-client.crt')}`,
    `--etcd-keyfile=${pki(dir, 'etcd-client.key')}`,
    `--secure-port=${ports.apiServer}`,
    `--bind-address=${nodeAddress === undefined ? '127.0.0.1' : '0.0.0.0'}`,
    `--advertise-address=${nodeAddress ?? '127.0.0.1'}`,
    // Loopback is refused as an endpoint; without nodes nobody looks for it.
    ...(nodeAddress === undefined ? ['--endpoint-reconciler-type=none'] : []),
    `--tls-cert-file=${pki(dir, 'apiserver.crt')}`,
    `--tls-private-key-file=${pki(dir, 'apiserver.key')}`,
    `--client-ca-file=${pki(dir, 'ca.crt')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki(dir, 'service-account.pub')}`,
    `--service-account-signing-key-file=${pki(dir, 'service-account.key')}`,
    `--service-cluster-ip-range=${serviceRange}`,
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    `--audit-policy-file=${join(dir, 'audit-policy.yaml')}`,
    `--audit-log-path=${join(dir, 'audit.log')}`,
    '--audit-log-maxsize=512', // MB
    '--audit-log-maxbackup=1',
    `--kubelet-client-certificate=${pki(dir, 'kubelet-client.crt')}`,
    `--kubelet-client-key=${pki(dir, 'kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
  ];
}

export function controllerManagerArgs({ dir, ports, nodeAddress }: ControlPlane): string[] {
  return [
    ...clientArgs(dir, ports.controllerManager),
    '--use-service-account-credentials',
    // Each of its thirty controllers asks for an account and a token: at the default rate that takes 5 s.
    '--kube-api-qps=200',
    '--kube-api-burst=400',
    `--service-account-private-key-file=${pki(dir, 'service-account.key')}`,
    `--root-ca-file=${pki(dir, 'ca.crt')}`,
    `--service-cluster-ip-range=${serviceRange}`,
    ...(nodeAddress === undefined ? [] : [`--cluster-cidr=${podRange}`]),
  ];
}

export function schedulerArgs({ dir, ports }: ControlPlane): string[] {
  return clientArgs(dir, ports.scheduler);
}

/** As little as a question after zero writes needs: who did what, without the objects. */
export const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
`;

function clientArgs(dir: string, port: number): string[] {
  const kubeconfig = join(dir, 'kubeconfig');
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${pki(dir, 'apiserver.crt')}`,
    `--tls-private-key-file=${pki(dir, 'apiserver.key')}`,
    '--leader-elect=false',
  ];
}

function pki(dir: string, file: string): string {
  return join(dir, 'pki', file);
}
