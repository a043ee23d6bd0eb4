import { systemClock, TailscaleApi, type Clock } from '@tsgateway/tailnet';
import { Coordinator, type Log } from './coordinator.ts';
import type { CoordinatorMetrics } from './coordinator-metrics.ts';
import { CredentialStore, type ReadSecret } from './credential-store.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { TailnetPool } from './tailnet-pool.ts';
import { Verifier } from './verifier.ts';
import { VipKeeper } from './vip-keeper.ts';

/** How long things take, in ms. Production uses `DEFAULT_TIMING`; tests are in a hurry. */
export interface Timing {
  secretTtlMs: number;
  describeTtlMs: number;
  settleMs: number;
  verifyDelaysMs: readonly number[];
  verifyPeriodMs: readonly [number, number];
  approveEveryMs: number;
}

export const DEFAULT_TIMING: Timing = {
  secretTtlMs: 10_000,
  describeTtlMs: 30_000,
  settleMs: 2000,
  verifyDelaysMs: [2000, 18_000],
  verifyPeriodMs: [300_000, 600_000],
  approveEveryMs: 20_000,
};

export interface BuildOptions {
  apiUrl: string;
  readSecret: ReadSecret;
  metrics: CoordinatorMetrics;
  log: Log;
  timing?: Timing;
  clock?: Clock;
  random?: () => number;
}

/** Puts the parts together. Nothing runs before `lead()`. */
export function buildCoordinator(options: BuildOptions): { coordinator: Coordinator; close: () => Promise<void> } {
  const { apiUrl, log, metrics, readSecret } = options;
  const timing = options.timing ?? DEFAULT_TIMING;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const now = (): number => clock.now();

  const credentials = new CredentialStore({ read: readSecret, ttlMs: timing.secretTtlMs, now, timeoutMs: 10_000 });
  const pool = new TailnetPool({
    credentials,
    clock,
    describeTtlMs: timing.describeTtlMs,
    open: (tailnet, { clientId, clientSecret }) =>
      new TailscaleApi({
        url: apiUrl,
        tailnet,
        clientId,
        clientSecret,
        clock,
        random,
        onCall: (event) => metrics.apiCall(event),
      }),
  });
  const verifier = new Verifier({
    clock,
    random,
    delaysMs: timing.verifyDelaysMs,
    periodMs: timing.verifyPeriodMs,
    forgetMs: 7_200_000,
    timeoutMs: 60_000,
    onError: (key, error) => {
      const err = error instanceof Error ? error.message : String(error);
      log.warn({ key, err }, 'a VIP service could not be verified');
    },
  });
  const coordinator = new Coordinator({
    credentials,
    pool,
    verifier,
    keeper: new VipKeeper({ clock, random, settleMs: timing.settleMs }),
    queue: new KeyedQueue(2000),
    metrics,
    clock,
    log,
    approveEveryMs: timing.approveEveryMs,
  });
  return { coordinator, close: () => pool.close() };
}
