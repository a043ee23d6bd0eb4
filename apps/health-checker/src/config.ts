import { z } from 'zod';

/** The environment of the health checker, besides what all services share. */
export const envSchema = z.object({
  GRPC_PORT: z.coerce.number().int().min(0).max(65_535).default(5030),
  /** `host:port` of the operator's mesh model: what to probe. */
  OPERATOR_ADDRESS: z.string().regex(/:\d+$/, 'must be host:port').default('tailscale-gateway-operator:5010'),
});
