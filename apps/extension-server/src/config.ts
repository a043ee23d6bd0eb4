import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

/** The environment of the extension server, besides what all services share. */
export const envSchema = z.object({
  /** Envoy Gateway's hooks. */
  GRPC_PORT: port.default(5005),
  /** Envoy's endpoints. */
  XDS_PORT: port.default(5006),
  /** `host:port` of the operator's mesh model. */
  OPERATOR_ADDRESS: z.string().regex(/:\d+$/, 'must be host:port').default('tailscale-gateway-operator:5010'),
  /** Largest hook request, in bytes; above it RESOURCE_EXHAUSTED. */
  MAX_MESSAGE_SIZE: z.coerce.number().int().min(1024).max(2_147_483_647).default(104_857_600),
  /** Wins over the port of METRICS_BIND_ADDRESS. */
  METRICS_PORT: port.optional(),
});
