import {
  decideDetach,
  decideEnsure,
  type DetachRequest,
  type EnsureRequest,
  type EnsureResult,
  type Membership,
  type ServiceRecord,
} from '@tsgateway/coordination';
import { TailnetError, type Clock, type VipServices } from '@tsgateway/tailnet';
import { CoordinatorError } from './coordinator-error.ts';

export interface VipKeeperOptions {
  clock: Clock;
  /** In [0, 1): jitter. */
  random: () => number;
  /** See `DetachRequest`. */
  settleMs: number;
}

/** A service that is as it was asked to be, as last read. */
export interface Ensured extends Extract<EnsureResult, { kind: 'joined' }> {
  /** The service was written on the way, or may have been. */
  changed: boolean;
}

/** Reads and writes until a decision of the coordination protocol asks for nothing more. */
const MAX_ROUNDS = 6;
const RETRY_MS = 150;

/** Applies the coordination protocol to one VIP service: read, decide, write, and read again to see that it took. */
export class VipKeeper {
  private readonly options: VipKeeperOptions;

  constructor(options: VipKeeperOptions) {
    this.options = options;
  }

  /**
   * Resolves once a reading shows the service as asked for. Throws `service-not-found` (attach only),
   * `too-many-consumers`, `unavailable` where writes do not stay, and `TailnetError`.
   */
  async ensure(services: VipServices, request: EnsureRequest, signal: AbortSignal): Promise<Ensured> {
    let remembered: Membership | undefined = request.remembered;
    let created = false;
    let changed = false;
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      if (round > 2) await this.pause(round, signal);
      const observed = await services.get(request.name, signal);
      const { write, result } = decideEnsure(observed, { ...request, remembered }, this.options.clock.now());
      if (result.kind === 'not-found') {
        throw new CoordinatorError('service-not-found', `VIP service ${request.name} does not exist`);
      }
      if (result.kind === 'full') {
        throw new CoordinatorError('too-many-consumers', `too many objects of this operator use ${request.name}`);
      }
      if (!write) return { ...result, created, changed };
      if (await this.written(services.put(write, signal), round)) {
        created ||= result.created;
        changed = true;
      }
      // A join keeps its time however often it has to be written.
      remembered = {
        ...result.membership,
        addrs: remembered?.addrs.length ? remembered.addrs : result.membership.addrs,
      };
    }
    throw new CoordinatorError('unavailable', `writes to VIP service ${request.name} do not stay, try again later`);
  }

  /** Resolves once a reading shows that the object is no user any more. `deleted`: the service is gone with it. */
  async detach(
    services: VipServices,
    request: Omit<DetachRequest, 'settleMs'> & { name: string },
    signal: AbortSignal,
  ): Promise<{ deleted: boolean; changed: boolean }> {
    const { clock, settleMs } = this.options;
    let deleted = false;
    let changed = false;
    // Two more rounds than to join: a deletion has two phases.
    for (let round = 1; round <= MAX_ROUNDS + 2; round++) {
      if (round > 4) await this.pause(round - 2, signal);
      const observed: ServiceRecord | undefined = await services.get(request.name, signal);
      const decision = decideDetach(observed, { ...request, settleMs }, clock.now());
      switch (decision.kind) {
        case 'left':
        case 'gone':
          return { deleted: deleted && decision.kind === 'gone', changed };
        case 'wait':
          await this.sleep(decision.ms, signal);
          break;
        case 'write':
          if (await this.written(services.put(decision.record, signal), round)) changed = true;
          break;
        case 'delete':
          if (await this.written(services.delete(request.name, signal), round)) deleted = changed = true;
          break;
      }
    }
    throw new CoordinatorError('unavailable', `leaving VIP service ${request.name} takes longer, try again`);
  }

  /**
   * Waits for a write. One that failed without an answer may have been done: the next reading tells. False where it
   * was refused as outdated: what it was decided on has changed meanwhile, which the API answers with 400.
   */
  private async written(write: Promise<unknown>, round: number): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (error) {
      if (!(error instanceof TailnetError)) throw error;
      if (error.code === 'bad-request' && round < 3) return false;
      if (error.retryable && !error.refused) return true;
      throw error;
    }
  }

  private pause(round: number, signal: AbortSignal): Promise<void> {
    return this.sleep(RETRY_MS * 2 ** (round - 3) * (0.5 + this.options.random()), signal);
  }

  private async sleep(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.options.clock.sleep(ms, signal);
    } catch {
      throw new CoordinatorError('deadline-exceeded', 'the call ended while it waited for the tailnet to settle');
    }
  }
}
