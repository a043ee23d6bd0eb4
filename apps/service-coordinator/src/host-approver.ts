import type { ServiceRecord } from '@tsgateway/coordination';
import type { Device, ServiceHost } from '@tsgateway/tailnet';
import type { Tailnet } from './tailnet-pool.ts';

/** Approvals in one go: the rest follows with the next one. */
const MAX_APPROVALS = 20;

/**
 * The hosts to approve: those that wait for it and whose device carries a tag of the service. A tag is the tailnet's
 * own statement of what a device is, so a device of somebody else never gets in by advertising the name.
 */
export function hostsToApprove(
  hosts: readonly ServiceHost[],
  devices: readonly Device[],
  tags: readonly string[],
): string[] {
  const trusted = new Set(
    devices.filter((device) => device.tags.some((tag) => tags.includes(tag))).map((device) => device.nodeId),
  );
  return hosts
    .filter((host) => host.approvalLevel === 'not-approved' && trusted.has(host.stableNodeID))
    .map((host) => host.stableNodeID)
    .slice(0, MAX_APPROVALS);
}

/** Approves what `hostsToApprove` names; resolves to how many. Throws `TailnetError`. */
export async function approveHosts(tailnet: Tailnet, record: ServiceRecord, signal: AbortSignal): Promise<number> {
  const tags = record.tags ?? [];
  if (tags.length === 0) return 0;
  const hosts = await tailnet.services.hosts(record.name, signal);
  if (!hosts.some((host) => host.approvalLevel === 'not-approved')) return 0;
  const { devices } = await tailnet.describe();
  const waiting = hostsToApprove(hosts, devices, tags);
  for (const nodeId of waiting) await tailnet.services.approveHost({ service: record.name, nodeId }, signal);
  return waiting.length;
}
