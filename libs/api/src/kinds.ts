import type { ResourceInputOf, ResourceOf } from './kind.ts';
import { tailscaleEndpoints } from './tailscale-endpoints.ts';
import { tailscaleGatewaySync } from './tailscale-gateway-sync.ts';
import { tailscaleGateway } from './tailscale-gateway.ts';
import { tailscaleRoutePolicy } from './tailscale-route-policy.ts';
import { tailscaleServices } from './tailscale-services.ts';
import { tailscaleTailnet } from './tailscale-tailnet.ts';

/** All kinds, by name. */
export const kinds = {
  TailscaleTailnet: tailscaleTailnet,
  TailscaleEndpoints: tailscaleEndpoints,
  TailscaleServices: tailscaleServices,
  TailscaleGateway: tailscaleGateway,
  TailscaleRoutePolicy: tailscaleRoutePolicy,
  TailscaleGatewaySync: tailscaleGatewaySync,
} as const;

export type KindName = keyof typeof kinds;

/** The object of a kind as reconcilers read it. */
export type ObjectOf<K extends KindName> = ResourceOf<(typeof kinds)[K]>;

/** The object of a kind as users write it. */
export type ObjectInputOf<K extends KindName> = ResourceInputOf<(typeof kinds)[K]>;

/** Whether a name is one of a kind of ours. */
export const isKindName = (name: string): name is KindName => Object.hasOwn(kinds, name);
