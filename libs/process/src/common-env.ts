import { hostname } from 'node:os';

import { z } from 'zod';

/** `host:port`, `:port`, or `0` for "off". */
const bindAddress = z
  .string()
  .regex(/^(0|.*:\d{1,5})$/, 'must be "host:port", ":port", or "0" to switch it off, e.g. ":8080"');

/** What every service reads from its environment. */
export const commonEnvSchema = z.object({
  BIND_HOST: z.string().min(1).default('0.0.0.0').describe('Host for ports that are given without one'),
  METRICS_BIND_ADDRESS: bindAddress.default(':8080').describe('Address of /metrics'),
  HEALTH_PROBE_BIND_ADDRESS: bindAddress.default(':8081').describe('Address of /healthz and /readyz'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  LOG_FORMAT: z.enum(['json', 'console']).default('json'),
  LOG_SAMPLING_DEBUG: z.coerce.number().int().min(1).default(1).describe('Of this many debug lines one is written'),
  CLUSTER_NAME: z.string().optional().describe('Adds the field "cluster" to every log line'),
  POD_NAME: z.string().min(1).default(hostname).describe('Name of this replica'),
  POD_NAMESPACE: z.string().min(1).default('tailscale-gateway-system'),
});

export type CommonEnv = z.output<typeof commonEnvSchema>;
