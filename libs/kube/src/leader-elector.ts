import { sleep, systemClock, type Clock } from './clock.ts';
import { isConflict, isNotFound } from './kube-error.ts';
import type { KubeClient } from './kube-client.ts';
import type { Log } from './log.ts';
import type { KubeObject, Resource } from './resource.ts';

export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string | null;
    leaseDurationSeconds?: number | null;
    /** RFC 3339 with microseconds. */
    acquireTime?: string | null;
    renewTime?: string | null;
    leaseTransitions?: number | null;
  };
}

export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

export interface LeaderElectorOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'update'>;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique per process: two processes with one identity would both lead. */
  readonly identity: string;
  /** How long others wait, after they saw the last renewal, before they take the lease. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for so long stops. Less than the lease's duration. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** Called with a signal that aborts when leading ends; the lease is not asked for again until this has resolved. */
  readonly onStartedLeading: (signal: AbortSignal) => Promise<void>;
  readonly onStoppedLeading?: () => void;
  readonly onNewLeader?: (identity: string) => void;
  /** `leader_election_master_status`. */
  readonly onStatus?: (leading: boolean) => void;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** client-go's jitter on the time between two attempts to acquire. */
const JITTER = 1.2;

/**
 * Leader election over a Lease, with client-go's semantics: the lease is written with its resourceVersion, so that one
 * of several contenders wins; whether another's lease has run out is measured by the own monotonic clock since the own
 * observation of its last change, so clocks need not agree. A leader counts its time from *before* it sent the renewal
 * that succeeded, and stops after `renewDeadlineMs` of it, while others have to wait `leaseDurationMs`: there are never
 * two.
 */
export class LeaderElector {
  readonly #o: LeaderElectorOptions;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #renewMs: number;
  readonly #retryMs: number;
  #observed: Lease | undefined;
  #observedAtMs = 0;
  #reportedLeader: string | undefined;
  /** While leading: when, at the latest, this process was known to hold the lease. */
  #heldSinceMs: number | undefined;

  constructor(options: LeaderElectorOptions) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#leaseMs = options.leaseDurationMs ?? 15_000;
    this.#renewMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryPeriodMs ?? 2_000;
    if (this.#leaseMs <= this.#renewMs) throw new RangeError('leaseDurationMs must be more than renewDeadlineMs');
    if (this.#renewMs <= this.#retryMs * JITTER)
      throw new RangeError('renewDeadlineMs must be more than 1.2 times retryPeriodMs');
    if (options.identity === '') throw new RangeError('identity must not be empty');
  }

  /** May this process write now? False also where a stalled process has not yet noticed that its time ran out. */
  get leading(): boolean {
    return this.#heldSinceMs !== undefined && this.#clock.elapsed() - this.#heldSinceMs < this.#renewMs;
  }

  /** Contends until the signal aborts, then releases the lease where it holds it. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#o.onStatus?.(false);
    while (!signal.aborted) {
      if (!(await this.#acquire(signal))) break;
      await this.#lead(signal);
    }
  }

  async #acquire(signal: AbortSignal): Promise<boolean> {
    const random = this.#o.random ?? Math.random;
    this.#o.log.info({ lease: this.#name, identity: this.#o.identity }, 'attempting to acquire the leader lease');
    while (!signal.aborted) {
      if (await this.#tryAcquireOrRenew(signal, this.#renewMs)) return true;
      await sleep(this.#clock, this.#retryMs * (1 + (JITTER - 1) * random()), signal);
    }
    return false;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { log, identity } = this.#o;
    const lead = new AbortController();
    log.info({ lease: this.#name, identity }, 'acquired the leader lease');
    this.#o.onStatus?.(true);
    const work = this.#o.onStartedLeading(lead.signal).catch((error: unknown) => {
      log.error({ err: error instanceof Error ? error.message : String(error) }, 'leading failed');
      lead.abort();
    });
    await this.#renewUntilLost(AbortSignal.any([signal, lead.signal]), () => {
      lead.abort();
    });
    lead.abort();
    this.#o.onStatus?.(false);
    const held = this.leading;
    await work;
    // Released only after the work has ended: the next leader may start the moment it sees this.
    if (held && this.leading) await this.#release();
    this.#heldSinceMs = undefined;
    this.#o.onStoppedLeading?.();
    log.info({ lease: this.#name, identity }, 'stopped leading');
  }

  /** Resolves when the lease is lost or the signal aborts. `onLost` is called by a timer, whatever else hangs. */
  async #renewUntilLost(signal: AbortSignal, onLost: () => void): Promise<void> {
    let cancel: () => void = () => undefined;
    const guard = (): void => {
      cancel();
      cancel = this.#clock.after(this.#remainingMs(), () => {
        if (this.#remainingMs() > 0) guard();
        else {
          this.#o.log.warn({ lease: this.#name }, 'failed to renew the leader lease in time');
          onLost();
        }
      });
    };
    guard();
    while (!signal.aborted) {
      await sleep(this.#clock, this.#retryMs, signal);
      if (signal.aborted) break;
      const held = await this.#tryAcquireOrRenew(signal, this.#remainingMs());
      if (held) guard();
      else if (this.#remainingMs() <= 0 || this.#observed?.spec?.holderIdentity !== this.#o.identity) {
        onLost();
        break;
      }
    }
    cancel();
  }

  #remainingMs(): number {
    return this.#heldSinceMs === undefined ? 0 : this.#heldSinceMs + this.#renewMs - this.#clock.elapsed();
  }

  get #name(): string {
    return `${this.#o.lease.namespace}/${this.#o.lease.name}`;
  }

  /** One attempt; true: this process holds the lease. Failures are logged, not thrown. */
  async #tryAcquireOrRenew(signal: AbortSignal, timeoutMs: number): Promise<boolean> {
    const { identity, client, lease, log } = this.#o;
    const startedMs = this.#clock.elapsed();
    const stop = new AbortController();
    const cancel = this.#clock.after(Math.max(1, timeoutMs), () => {
      stop.abort();
    });
    const call = { signal: AbortSignal.any([signal, stop.signal]) };
    const won = (written: Lease): boolean => {
      this.#observe(written);
      this.#heldSinceMs = startedMs;
      return true;
    };
    try {
      if (this.#observed?.spec?.holderIdentity === identity && this.leading) {
        // The usual case: renew what we know, without reading it first.
        try {
          return won(await client.update(leases, this.#record(this.#observed), call));
        } catch (error) {
          log.debug({ err: String(error) }, 'renewal without reading failed, reading the lease');
        }
      }
      let current: Lease;
      try {
        current = await client.get(leases, lease, call);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        return won(await client.create(leases, this.#record(undefined), call));
      }
      this.#observe(current);
      const holder = current.spec?.holderIdentity ?? '';
      const durationMs = (current.spec?.leaseDurationSeconds ?? this.#leaseMs / 1000) * 1000;
      const valid = this.#observedAtMs + durationMs > this.#clock.elapsed();
      if (holder !== identity) this.#heldSinceMs = undefined;
      if (holder !== '' && holder !== identity && valid) return false;
      return won(await client.update(leases, this.#record(current), call));
    } catch (error) {
      if (!signal.aborted) {
        log.warn(
          { lease: this.#name, err: error instanceof Error ? error.message : String(error) },
          'the leader lease could not be read or written',
        );
      }
      return false;
    } finally {
      cancel();
    }
  }

  #observe(lease: Lease): void {
    const before = this.#observed?.spec;
    const after = lease.spec;
    const same =
      before !== undefined &&
      before.holderIdentity === after?.holderIdentity &&
      before.renewTime === after?.renewTime &&
      before.acquireTime === after?.acquireTime &&
      before.leaseTransitions === after?.leaseTransitions;
    if (!same) this.#observedAtMs = this.#clock.elapsed();
    this.#observed = lease;
    const holder = after?.holderIdentity ?? '';
    if (holder !== '' && holder !== this.#reportedLeader) {
      this.#reportedLeader = holder;
      this.#o.onNewLeader?.(holder);
    }
  }

  #record(current: Lease | undefined): Lease {
    const { identity, lease } = this.#o;
    const now = microTime(this.#clock.now());
    const ours = current?.spec?.holderIdentity === identity;
    const transitions = current?.spec?.leaseTransitions ?? 0;
    return {
      metadata: { ...(current?.metadata ?? { namespace: lease.namespace, name: lease.name }) },
      spec: {
        ...current?.spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
        acquireTime: ours ? (current.spec?.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: current === undefined || ours ? transitions : transitions + 1,
      },
    };
  }

  /** Gives the lease back, so that the next leader need not wait for it to run out. */
  async #release(): Promise<void> {
    const { client, lease, identity, log } = this.#o;
    const call = { timeoutMs: 3_000 };
    let current = this.#observed;
    for (const last of [false, true]) {
      if (current?.spec?.holderIdentity !== identity) return;
      const now = microTime(this.#clock.now());
      const spec = { ...current.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
      try {
        this.#observed = await client.update(leases, { ...current, spec }, call);
        log.info({ lease: this.#name }, 'released the leader lease');
        return;
      } catch (error) {
        if (!last && isConflict(error)) {
          // A renewal that was cut off by the shutdown had arrived all the same.
          current = await client.get(leases, lease, call).catch(() => undefined);
          continue;
        }
        log.warn(
          { err: error instanceof Error ? error.message : String(error) },
          'the leader lease could not be released',
        );
        return;
      }
    }
  }
}

const microTime = (nowMs: number): string => new Date(nowMs).toISOString().replace(/Z$/, '000Z');
