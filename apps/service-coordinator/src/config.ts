import { z } from 'zod';

/** The environment of the service coordinator, besides what every service has. */
export const envSchema = z.object({
  /** On the host BIND_HOST. */
  GRPC_PORT: z.coerce.number().int().min(0).max(65535).default(5020),
  /** Path of a kubeconfig; without it, the pod's service account. */
  KUBECONFIG: z.string().optional(),
  LEADER_ELECTION_ENABLED: z.stringbool().default(true),
  /** Name of the Lease. */
  LEADER_ELECTION_ID: z.string().min(1).default('tailscale-gateway-service-coordinator'),
  TAILSCALE_API_URL: z.url({ protocol: /^https?$/ }).default('https://api.tailscale.com'),
});
