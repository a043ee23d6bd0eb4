import { z } from 'zod';

const hostPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, 'must be host:port, an IPv6 host in brackets');

const addressList = (empty: string) =>
  z
    .string()
    .default(empty)
    .transform((list) => [...new Set(list.split(',').map((a) => a.trim()))].filter((a) => a !== '').sort())
    .pipe(z.array(hostPort));

const absolutePath = z.string().startsWith('/', 'must be an absolute path');

/** The operator's own environment variables; the common ones are the process library's. */
export const config = z.object({
  /** Unset: the pod's service account. */
  KUBECONFIG: z.string().optional(),
  GRPC_PORT: z.coerce.number().int().min(0).max(65_535).default(5010),
  COORDINATOR_ADDRESS: hostPort.default('service-coordinator.tailscale-gateway-system.svc:5020'),
  /** The health checkers, host:port each. Empty: the ready Pods of the Service. */
  HEALTH_CHECKER_ADDRESSES: addressList(''),
  /** In the operator's namespace. */
  HEALTH_CHECKER_SERVICE: z.string().min(1).default('tailscale-gateway-health-checker'),
  /** The extension servers' hooks, host:port each. Empty: the ready Pods of the Service. */
  EXTENSION_SERVER_ADDRESSES: addressList(''),
  /** The CA of the hooks' certificates, PEM. Unset: they are dialled in plain text. */
  EXTENSION_SERVER_CA_FILE: absolutePath.optional(),
  EXTENSION_SERVER_SERVICE: z.string().min(1).default('tailscale-gateway-extension-server'),
  /** What Envoys dial for their endpoints, host:port each: a headless Service, so that they see every replica. */
  XDS_ADDRESSES: addressList('tailscale-gateway-extension-server-xds.tailscale-gateway-system.svc:5006').pipe(
    z.array(hostPort).min(1),
  ),
  /** The CA of its certificates, PEM, in the file system of Envoy. Unset: Envoys dial it in plain text. */
  XDS_CA_FILE: absolutePath.optional(),
  LEADER_ELECTION_ENABLED: z.stringbool().default(true),
  LEADER_ELECTION_ID: z.string().min(1).default('tailscale-gateway-operator'),
  MAX_CONCURRENT_RECONCILES: z.coerce.number().int().min(1).max(1000).default(20),
});

export type Config = z.output<typeof config>;
