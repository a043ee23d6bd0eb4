import { GROUP } from './group.ts';

/** Annotations that the operator writes, or reads from users. The domain of the first differs from the group: users filter by it. */
export const annotations = {
  /** "true" on a TailscaleEndpoints that was made from an `endpointTemplate`. */
  autoProvisioned: 'tailscale-gateway.com/auto-provisioned',
  /** Where the VIP service is that a TailscaleServices stands for, as JSON: its spec may since have come to name another. */
  vipServiceRecord: `${GROUP}/vip-service-record`,
} as const;

/** Annotation keys of a VIP service in the tailnet's control API. */
export const vipAnnotations = {
  /** One key per operator, `<prefix><operator id>`: the union of these keys is the registry. */
  operatorPrefix: `${GROUP}/operator.`,
  /** Derived views of the registry: written for readers, never read back. */
  serviceRegistry: `${GROUP}/service-registry`,
  ownerOperator: `${GROUP}/owner-operator`,
  consumerCount: `${GROUP}/consumer-count`,
  lastUpdated: `${GROUP}/last-updated`,
  schemaVersion: `${GROUP}/schema-version`,
} as const;

/** Labels on what the operator creates. */
export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  /** Name of the TailscaleEndpoints that a proxy belongs to. */
  endpoints: `${GROUP}/endpoints`,
  /** Name of the entry of `spec.endpoints` that a proxy serves. */
  endpoint: `${GROUP}/endpoint`,
  /** `ingress` or `egress`. */
  connectionType: `${GROUP}/connection-type`,
  /** Name of the TailscaleServices that an auto-provisioned TailscaleEndpoints was made for. */
  services: `${GROUP}/services`,
} as const;

/** Value of `labels.managedBy`. */
export const MANAGED_BY = 'tailscale-gateway-operator';

/** Kept on an object until what it caused outside the cluster is gone, or no longer needs it to be undone. */
export const FINALIZER = `${GROUP}/cleanup`;
