import { parseDuration, type TailscaleEndpoints } from '@tsgateway/api';
import type { Machine, Probe } from '../model.ts';
import { nameOf, splitHostPort } from './host.ts';

/** An entry of a TailscaleEndpoints' `spec.endpoints`. */
export type Endpoint = NonNullable<TailscaleEndpoints['spec']['endpoints']>[number];

/** A `healthCheck`, of an endpoint or of a service. */
export type HealthCheck = NonNullable<Endpoint['healthCheck']>;

/**
 * The machine that an endpoint is: at its `externalTarget`, else at its address in the tailnet. It is called by the
 * DNS name that stands in `externalTarget`, else by its name in the tailnet.
 */
export function machineOf(options: {
  group: string;
  endpoint: Endpoint;
  healthCheck: HealthCheck | undefined;
}): Machine {
  const { group, endpoint, healthCheck } = options;
  const target = endpoint.externalTarget === undefined ? undefined : splitHostPort(endpoint.externalTarget);
  const fqdn = nameOf(endpoint.tailscaleFQDN);
  return {
    id: `${group}/${endpoint.name}`,
    host: target?.host ?? endpoint.tailscaleIP,
    port: target?.port ?? endpoint.port,
    protocol: endpoint.protocol,
    weight: endpoint.weight,
    hostname: target === undefined ? fqdn : (nameOf(target.host) ?? fqdn),
    probe: probeOf(healthCheck),
  };
}

/** Undefined: not probed. The timeout is cut to the interval, whole milliseconds at least 1. */
export function probeOf(healthCheck: HealthCheck | undefined): Probe | undefined {
  if (!healthCheck?.enabled) return undefined;
  const intervalMs = wholeMs(healthCheck.interval);
  return {
    path: healthCheck.path,
    intervalMs,
    timeoutMs: Math.min(intervalMs, wholeMs(healthCheck.timeout)),
    healthyThreshold: healthCheck.healthyThreshold,
    unhealthyThreshold: healthCheck.unhealthyThreshold,
  };
}

const wholeMs = (duration: string): number => Math.max(1, Math.round(parseDuration(duration)));

/** By code units, which no locale changes. */
export const sortedBy = <T>(items: readonly T[], key: (item: T) => string): T[] =>
  [...items].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
