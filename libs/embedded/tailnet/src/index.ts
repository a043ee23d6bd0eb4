export type { Faults, FaultsInput } from './faults.ts';
export type { OAuthClient } from './oauth.ts';
export { seededRandom } from './random.ts';
export { startTailnetApi } from './tailnet-api.ts';
export type { RunningTailnetApi, TailnetApiOptions } from './tailnet-api.ts';
export type { StoredDevice, StoredHost, StoredService, TailnetState } from './tailnet-state.ts';
