export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type { CallEvent } from './http-caller.ts';
export type {
  AuthKey,
  AuthKeyRequest,
  Device,
  ServiceHost,
  TailnetApi,
  TailnetDescription,
  VipService,
  VipServices,
} from './tailnet-api.ts';
export { TAILNET_ERRORS, TailnetError } from './tailnet-error.ts';
export type { TailnetErrorCode } from './tailnet-error.ts';
export { TailscaleApi } from './tailscale-api.ts';
export type { TailscaleApiOptions } from './tailscale-api.ts';
