import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);

/** The environment of the extension server, besides what all services share. */
export const envSchema = z
  .object({
    GRPC_PORT: port.default(5005).describe("Envoy Gateway's hooks"),
    XDS_PORT: port.default(5006).describe("Envoy's endpoints"),
    OPERATOR_ADDRESS: z
      .string()
      .regex(/:\d+$/, 'must be host:port')
      .default('tailscale-gateway-operator:5010')
      .describe("The operator's mesh model"),
    MAX_MESSAGE_SIZE: z.coerce
      .number()
      .int()
      .min(1024)
      .max(2_147_483_647)
      .default(104_857_600)
      .describe('Largest hook request in bytes; above it RESOURCE_EXHAUSTED'),
    UPSTREAM_CA_FILE: z
      .string()
      .regex(/^(\/.*|none)$/, 'must be an absolute path in the file system of Envoy, or "none"')
      .default('/etc/ssl/certs/ca-certificates.crt')
      .transform((file) => (file === 'none' ? undefined : file))
      .describe('The CAs by which Envoy verifies HTTPS machines that have a name; "none": it does not verify them'),
    METRICS_BIND_ADDRESS: z.string().default(':8080'),
    METRICS_PORT: port.optional().describe('Wins over the port of METRICS_BIND_ADDRESS'),
  })
  .overwrite((env) => {
    if (env.METRICS_PORT === undefined) return env;
    const host = env.METRICS_BIND_ADDRESS.includes(':') ? env.METRICS_BIND_ADDRESS.replace(/:\d*$/, '') : '';
    return { ...env, METRICS_BIND_ADDRESS: `${host}:${env.METRICS_PORT}` };
  });
