import type { Registry } from './registry.ts';

/** The documented annotations. They are written for people and dashboards, and never read. */
export const DERIVED_KEYS = {
  registry: 'gateway.tailscale.com/service-registry',
  owner: 'gateway.tailscale.com/owner-operator',
  consumers: 'gateway.tailscale.com/consumer-count',
  updated: 'gateway.tailscale.com/last-updated',
  schema: 'gateway.tailscale.com/schema-version',
} as const;

const SCHEMA_VERSION = 'v2';

/**
 * The documented annotations of a registry. `consumer-count` counts the operators besides the owner;
 * `last-updated` is RFC 3339.
 */
export function derivedView(registry: Registry, nowMs: number): Record<string, string> {
  const updated = rfc3339(nowMs);
  return {
    [DERIVED_KEYS.registry]: JSON.stringify({
      ownerOperator: registry.owner ?? '',
      consumerOperators: registry.consumers,
      lastUpdated: updated,
    }),
    [DERIVED_KEYS.owner]: registry.owner ?? '',
    [DERIVED_KEYS.consumers]: String(registry.consumers.length),
    [DERIVED_KEYS.updated]: updated,
    [DERIVED_KEYS.schema]: SCHEMA_VERSION,
  };
}

/** The registry's documented name, as a status shows it: "svc:web" -> "web-registry". */
export function registryKey(serviceName: string): string {
  return `${serviceName.replace(/^svc:/, '')}-registry`;
}

/** Whether the annotation is ours to write, so that a user's own annotations must not use it. */
export function isReservedAnnotation(key: string): boolean {
  return (
    key.startsWith('gateway.tailscale.com/operator.') ||
    key === 'tailscale.com/owner-references' ||
    Object.values<string>(DERIVED_KEYS).includes(key)
  );
}

/**
 * UTC, in whole seconds, for years 0 to 9999. A pure library has no `Date`: days become a date by the usual count of
 * eras of 400 years that begin on the first of March.
 */
export function rfc3339(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86_400);
  const ofDay = seconds - days * 86_400;
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const date = [pad(year, 4), pad(month), pad(day)].join('-');
  const clock = [pad(Math.floor(ofDay / 3600)), pad(Math.floor(ofDay / 60) % 60), pad(ofDay % 60)].join(':');
  return `${date}T${clock}Z`;
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}
