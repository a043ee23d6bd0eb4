export type { BackendStats } from './data-plane.ts';
export { startGateway } from './gateway.ts';
export type { DataPlaneChoice, GatewayOptions, RunningGateway } from './gateway.ts';
export { translate } from './translate.ts';
export type { TranslateOptions, Translation } from './translate.ts';
export type { Resources } from './resources.ts';
