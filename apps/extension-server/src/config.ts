import { InvalidDurationError, parseDuration } from '@tsgateway/api';
import { connectionDefaults } from '@tsgateway/rpc';
import { z } from 'zod';
import { parseBytes } from './byte-quantity.ts';

const port = z.coerce.number().int().min(0).max(65_535);

/** Lengths of gRPC messages are smaller than 4 GiB; Node's timers and buffers are safe up to half of that. */
const bytes = z.string().transform((text, context) => {
  const value = parseBytes(text);
  if (value !== undefined && value >= 1024 && value <= 2_147_483_647) return value;
  context.addIssue('must be 1024 to 2147483647 bytes, as a number or with k, M, G, Ki, Mi or Gi, e.g. "100M"');
  return z.NEVER;
});

const duration = (defaultMs: number, text: string) =>
  z
    .string()
    .transform((value, context) => {
      try {
        return parseDuration(value);
      } catch (error) {
        if (!(error instanceof InvalidDurationError)) throw error;
        context.addIssue(error.message);
        return z.NEVER;
      }
    })
    .refine((ms) => ms >= 1000 && ms <= 86_400_000, 'must be 1s to 24h, e.g. "30s"')
    .prefault(`${defaultMs / 1000}s`)
    .describe(text);

const directory = z.string().startsWith('/', 'must be an absolute path').optional();

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
    MAX_MESSAGE_SIZE: bytes
      .prefault('104857600')
      .describe('Largest hook request; above it RESOURCE_EXHAUSTED (grpcServer.maxReceiveMessageSize)'),
    MAX_SEND_MESSAGE_SIZE: bytes
      .optional()
      .describe('Largest hook response (grpcServer.maxSendMessageSize); unset: as large as its request makes it'),
    GRPC_KEEPALIVE_TIME: duration(connectionDefaults.keepaliveTimeMs, 'grpcServer.keepaliveTime'),
    GRPC_KEEPALIVE_TIMEOUT: duration(connectionDefaults.keepaliveTimeoutMs, 'grpcServer.keepaliveTimeout'),
    GRPC_MAX_CONNECTION_IDLE: duration(connectionDefaults.maxIdleMs, 'grpcServer.maxConnectionIdle'),
    GRPC_MAX_CONNECTION_AGE: duration(connectionDefaults.maxAgeMs, 'grpcServer.maxConnectionAge'),
    HOOKS_TLS_DIR: directory.describe('tls.crt, tls.key and, for client certificates, ca.crt of GRPC_PORT'),
    XDS_TLS_DIR: directory.describe('The same of XDS_PORT'),
    UPSTREAM_CA_FILE: z
      .string()
      .regex(/^(\/.*|none)$/, 'must be an absolute path in the file system of Envoy, or "none"')
      .default('/etc/ssl/certs/ca-certificates.crt')
      .transform((file) => (file === 'none' ? undefined : file))
      .describe('The CAs by which Envoy verifies HTTPS machines that have a name; "none": it does not verify them'),
    ACCESS_LOG_ENABLED: z
      .stringbool()
      .default(true)
      .describe('Envoys report each request to our backends when it has ended, for the metrics of flows'),
    METRICS_BIND_ADDRESS: z.string().default(':8080'),
    METRICS_PORT: port.optional().describe('Wins over the port of METRICS_BIND_ADDRESS'),
  })
  .overwrite((env) => {
    if (env.METRICS_PORT === undefined) return env;
    const host = env.METRICS_BIND_ADDRESS.includes(':') ? env.METRICS_BIND_ADDRESS.replace(/:\d*$/, '') : '';
    return { ...env, METRICS_BIND_ADDRESS: `${host}:${env.METRICS_PORT}` };
  });
