import type { TailscaleTailnet } from '@tsgateway/api';
import { conditionsOf, stampChange, timestamp, type Finding } from './conditions.ts';

type Status = NonNullable<TailscaleTailnet['status']>;

/** What the coordinator found. */
export type TailnetOutcome =
  | { readonly ok: true; readonly tailnet: DescribedTailnet }
  | {
      readonly ok: false;
      readonly reason: TailnetFailure;
      readonly message: string;
      /** Not to be asked again before. */
      readonly retryAfterMs?: number | undefined;
    };

export type TailnetFailure =
  | 'SecretNotFound'
  | 'SecretInvalid'
  | 'CredentialsInvalid'
  | 'PermissionDenied'
  | 'TailnetNotFound'
  | 'RateLimited'
  | 'Unreachable';

export interface DescribedTailnet {
  readonly name: string;
  readonly organization: string;
  readonly tailnetId: string;
  readonly magicDnsSuffix: string;
  readonly deviceCount: number;
  readonly connectedDevices: number;
  readonly scopes: readonly string[];
  readonly secretVersion: string;
  /** 0: never. */
  readonly credentialExpiresAtMs: number;
}

export interface TailnetFacts {
  readonly generation: number;
  readonly previous: Status | undefined;
  /** Of the stored object; undefined: it is valid. */
  readonly invalid: string | undefined;
  readonly outcome: TailnetOutcome | undefined;
  readonly nowMs: number;
}

/** Failures that say nothing about the credentials: what was known before still holds. */
const PASSING: ReadonlySet<TailnetFailure> = new Set(['RateLimited', 'Unreachable']);

/** What a TailscaleTailnet's status shall be. */
export function tailnetStatus(facts: TailnetFacts): Status {
  const { previous, outcome, generation, nowMs } = facts;
  const now = timestamp(nowMs);
  const conditions = conditionsOf([readiness(facts)], { previous: previous?.conditions, generation, now });
  const next: Status =
    outcome?.ok === true
      ? { conditions, ...described(outcome.tailnet, { previous, now }) }
      : {
          conditions,
          tailnetInfo: previous?.tailnetInfo,
          credentialStatus:
            outcome === undefined || PASSING.has(outcome.reason)
              ? previous?.credentialStatus
              : verdict(
                  { ...previous?.credentialStatus, valid: outcome.reason === 'PermissionDenied' },
                  { previous, now },
                ),
          deviceCount: previous?.deviceCount,
          connectedDevices: previous?.connectedDevices,
        };
  return stampChange<Status, 'lastSyncTime'>({ next, previous, field: 'lastSyncTime', now });
}

function readiness({ invalid, outcome }: TailnetFacts): Finding {
  const ready = (status: Finding['status'], reason: string, message: string): Finding => ({
    type: 'Ready',
    status,
    reason,
    message,
  });
  if (invalid !== undefined) return ready('False', 'NotAccepted', `The spec is invalid: ${invalid}`);
  if (outcome === undefined) return ready('Unknown', 'Pending', 'The tailnet has not been looked at yet.');
  if (outcome.ok) return ready('True', 'Ready', `The credentials of ${outcome.tailnet.name} are valid.`);
  return ready(PASSING.has(outcome.reason) ? 'Unknown' : 'False', outcome.reason, outcome.message);
}

interface Before {
  readonly previous: Status | undefined;
  readonly now: string;
}

function described(tailnet: DescribedTailnet, { previous, now }: Before): Partial<Status> {
  const info = {
    name: tailnet.name,
    organization: text(tailnet.organization),
    tailnetID: text(tailnet.tailnetId),
    magicDNSSuffix: text(tailnet.magicDnsSuffix),
    createdAt: previous?.tailnetInfo?.createdAt,
  };
  const old = previous?.credentialStatus;
  const refreshed =
    old?.secretVersion === undefined || old.secretVersion === tailnet.secretVersion ? old?.lastRefresh : now;
  return {
    tailnetInfo: stampChange({
      next: { ...info, lastUpdated: now },
      previous: previous?.tailnetInfo,
      field: 'lastUpdated',
      now,
    }),
    credentialStatus: verdict(
      {
        valid: true,
        // In hours: an access token that is renewed all the time would change the object all the time.
        expiresAt:
          tailnet.credentialExpiresAtMs > 0 ? expiry(tailnet.credentialExpiresAtMs, old?.expiresAt) : undefined,
        lastRefresh: refreshed,
        scopes: tailnet.scopes.length > 0 ? tailnet.scopes.slice(0, 64) : undefined,
        secretVersion: text(tailnet.secretVersion),
      },
      { previous, now },
    ),
    deviceCount: tailnet.deviceCount,
    connectedDevices: tailnet.connectedDevices,
  };
}

type CredentialStatus = NonNullable<Status['credentialStatus']>;

const verdict = (next: CredentialStatus, { previous, now }: Before): CredentialStatus => {
  const before = previous?.credentialStatus;
  return { ...next, lastValidated: before?.valid === next.valid ? (before.lastValidated ?? now) : now };
};

const HOUR_MS = 3_600_000;

const expiry = (ms: number, known: string | undefined): string =>
  known !== undefined && Math.abs(Date.parse(known) - ms) < HOUR_MS ? known : timestamp(ms);

const text = (value: string): string | undefined => (value === '' ? undefined : value);
