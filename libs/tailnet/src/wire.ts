import { z } from 'zod';
import type { Device } from './tailnet-api.ts';

// The API sends null for empty lists and maps.
const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
const optionalStrings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? undefined);

export const vipServiceWire = z.looseObject({
  name: z.string(),
  addrs: optionalStrings,
  comment: z.string().optional(),
  ports: optionalStrings,
  tags: optionalStrings,
  annotations: z
    .record(z.string(), z.string())
    .nullish()
    .transform((map) => map ?? undefined),
});

export const vipServiceListWire = z.object({
  vipServices: z
    .array(vipServiceWire)
    .nullish()
    .transform((l) => l ?? []),
});

export const hostsWire = z.object({
  hosts: z
    .array(z.object({ stableNodeID: z.string(), approvalLevel: z.string().default(''), configured: z.unknown() }))
    .nullish()
    .transform((hosts) => (hosts ?? []).map((host) => ({ ...host, configured: isConfigured(host.configured) }))),
});

export const tokenWire = z.object({
  access_token: z.string().min(1),
  expires_in: z.number().positive().default(3600),
  scope: z.string().default(''),
});

export const authKeyWire = z.object({ id: z.string(), key: z.string().min(1) });

export const errorWire = z.object({ message: z.string() });

const deviceWire = z.object({
  id: z.string(),
  nodeId: z.string().default(''),
  name: z.string().default(''),
  hostname: z.string().default(''),
  addresses: strings,
  tags: strings,
  connectedToControl: z.boolean().optional(),
  lastSeen: z.string().nullish(),
  isExternal: z.boolean().default(false),
});

/** A device is taken as connected for this long after it was last seen, where the API does not say it outright. */
const CONNECTED_MS = 300_000;

export function deviceListWire(nowMs: number) {
  return z.object({
    devices: z
      .array(deviceWire)
      .nullish()
      .transform((devices) => (devices ?? []).map((device) => toDevice(device, nowMs))),
  });
}

function toDevice(device: z.infer<typeof deviceWire>, nowMs: number): Device {
  const { connectedToControl, isExternal, lastSeen, ...rest } = device;
  const seen = Date.parse(lastSeen ?? '');
  return {
    ...rest,
    lastSeen: lastSeen ?? '',
    external: isExternal,
    connected: connectedToControl ?? (!Number.isNaN(seen) && nowMs - seen < CONNECTED_MS),
  };
}

/** The documents show a boolean and a word ("fully", "ready"); anything but a clear no counts as yes. */
function isConfigured(value: unknown): boolean {
  return value === true || (typeof value === 'string' && !['', 'false', 'unconfigured', 'none'].includes(value));
}

/**
 * The MagicDNS suffix that most of a tailnet's own devices carry: the API has no field for it. Ties go to the first
 * in order, so that the answer does not depend on the order of devices. Empty where no device has a full name.
 */
export function magicDnsSuffix(devices: readonly Device[]): string {
  const counts = new Map<string, number>();
  for (const { name, external } of devices) {
    const dot = name.indexOf('.');
    if (external || dot < 0) continue;
    const suffix = name.slice(dot + 1).replace(/\.$/, '');
    counts.set(suffix, (counts.get(suffix) ?? 0) + 1);
  }
  const [best] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return best?.[0] ?? '';
}
