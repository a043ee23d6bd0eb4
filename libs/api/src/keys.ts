import { GROUP } from './group.ts';

/** Annotations that the operator writes, or reads from users. The domain of the first differs from the group: users filter by it. */
export const annotations = {
  /** "true" on a TailscaleEndpoints that was made from an `endpointTemplate`. */
  autoProvisioned: 'tailscale-gateway.com/auto-provisioned',
  /** Where the VIP service is that a TailscaleServices stands for, as JSON: its spec may since have come to name another. */
  vipServiceRecord: `${GROUP}/vip-service-record`,
  /** Of what in the mesh model a TailscaleGatewaySync was last written for: a hash. */
  structure: `${GROUP}/structure`,
} as const;

/** Kept on an object until what it caused outside the cluster is gone, or no longer needs it to be undone. */
export const FINALIZER = `${GROUP}/cleanup`;
