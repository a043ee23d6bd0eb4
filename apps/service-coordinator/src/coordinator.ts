import { isReservedAnnotation, registryKey, type Membership, type ServiceRecord } from '@tsgateway/coordination';
import type {
  DescribeTailnetRequest,
  DescribeTailnetResponse,
  DetachRequest,
  DetachResponse,
  EnsureRequest,
  EnsureResponse,
} from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { TailnetError, type Clock } from '@tsgateway/tailnet';
import { CoordinatorError } from './coordinator-error.ts';
import type { CoordinatorMetrics } from './coordinator-metrics.ts';
import type { CredentialStore } from './credential-store.ts';
import { approveHosts } from './host-approver.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import { parseDetach, parseEnsure, parseTailnet, type DetachCall, type EnsureCall } from './requests.ts';
import { tailnetKey, type Tailnet, type TailnetAddress, type TailnetPool } from './tailnet-pool.ts';
import type { Verifier } from './verifier.ts';
import type { Ensured, VipKeeper } from './vip-keeper.ts';

export interface Log {
  debug(fields: object, msg: string): void;
  info(fields: object, msg: string): void;
  warn(fields: object, msg: string): void;
  error(fields: object, msg: string): void;
}

export interface CoordinatorOptions {
  credentials: CredentialStore;
  pool: TailnetPool;
  keeper: VipKeeper;
  queue: KeyedQueue;
  verifier: Verifier;
  metrics: CoordinatorMetrics;
  clock: Clock;
  log: Log;
  /** Hosts of one service are looked at for approval at most once in so many ms. */
  approveEveryMs: number;
}

/** What is remembered of an operator's standing on a service. */
interface Standing {
  membership: Membership;
  consumers: Set<string>;
  approvedAt: number;
}

/** Bound on what is remembered: who is forgotten comes back as the tailnet has it. */
const MAX_STANDINGS = 20_000;

/** The calls of `CoordinatorService` as plain functions. All throw `CoordinatorError` or `TailnetError`. */
export class Coordinator {
  private readonly options: CoordinatorOptions;
  /** By tailnet, service and operator; one goes with its last object. */
  private readonly standings = new Map<string, Standing>();
  private leading = false;

  constructor(options: CoordinatorOptions) {
    this.options = options;
  }

  /** Begins to work. */
  lead(): void {
    this.leading = true;
  }

  /**
   * Refuses further calls, and stops looking after what was written: another process does that next.
   * Resolves when the calls under way have ended.
   */
  async stopLeading(): Promise<void> {
    this.leading = false;
    this.options.verifier.clear();
    await this.options.queue.idle();
    this.standings.clear();
    this.options.metrics.services(0);
  }

  async describeTailnet(request: DescribeTailnetRequest): Promise<DescribeTailnetResponse> {
    this.requireLeading();
    const address = parseTailnet(request.tailnet);
    return this.withTailnet(address, async (tailnet) => {
      const { devices, magicDnsSuffix, scopes, credentialExpiresAtMs } = await tailnet.describe();
      const organization = address.tailnet === '-' ? '' : address.tailnet;
      return {
        name: magicDnsSuffix || organization || address.name,
        organization,
        // The API has no call that says it.
        tailnetId: '',
        magicDnsSuffix,
        deviceCount: devices.length,
        connectedDevices: devices.filter((device) => device.connected).length,
        scopes,
        secretVersion: tailnet.version,
        credentialExpiresAtMs: BigInt(Math.round(credentialExpiresAtMs)),
      };
    });
  }

  async ensure(request: EnsureRequest, signal: AbortSignal): Promise<EnsureResponse> {
    this.requireLeading();
    const call = parseEnsure(request);
    const { log, metrics, verifier } = this.options;
    return this.withTailnet(call.address, async (tailnet) => {
      const ensured = await this.serialized(call.address, call.join.name, signal, () =>
        this.ensureNow(tailnet, call, signal),
      );
      const { operatorId, consumer, name } = call.join;
      const key = watchKey(call.address, call.join);
      if (ensured.changed) metrics.registered();
      log[ensured.changed ? 'info' : 'debug'](
        { service: name, operatorId, consumer, created: ensured.created, owner: ensured.registry.owner ?? '' },
        'VIP service ensured',
      );
      const watched = { key, lasting: true, verify: (stop: AbortSignal) => this.verifyJoined(call, stop) };
      if (ensured.changed) verifier.watch(watched);
      else verifier.renew(watched);
      metrics.services(this.serviceCount());
      return this.answer(tailnet, ensured);
    });
  }

  async detach(request: DetachRequest, signal: AbortSignal): Promise<DetachResponse> {
    this.requireLeading();
    const call = parseDetach(request);
    const { log, metrics, verifier } = this.options;
    return this.withTailnet(call.address, async (tailnet) => {
      const { name, operatorId, consumer } = call.leave;
      const key = watchKey(call.address, call.leave);
      // From here on nobody puts it back in the background.
      verifier.drop(key);
      const left = await this.serialized(call.address, name, signal, () => this.detachNow(tailnet, call, signal));
      log[left.changed ? 'info' : 'debug'](
        { service: name, operatorId, consumer, deleted: left.deleted },
        'left the VIP service',
      );
      // Also where nothing changed: a write that was under way may still arrive.
      verifier.watch({ key, lasting: false, verify: (stop) => this.verifyLeft(call, stop) });
      metrics.services(this.serviceCount());
      return { deleted: left.deleted };
    });
  }

  private async ensureNow(tailnet: Tailnet, call: EnsureCall, signal: AbortSignal): Promise<Ensured> {
    const key = standingKey(call.address, call.join);
    const known = this.standings.get(key);
    const remembered = known?.membership;
    const ensured = await this.options.keeper.ensure(tailnet.services, { ...call.join, remembered }, signal);
    const standing: Standing = {
      membership: ensured.membership,
      consumers: (known?.consumers ?? new Set<string>()).add(call.join.consumer),
      approvedAt: known?.approvedAt ?? 0,
    };
    const oldest = this.standings.keys().next().value;
    if (!known && this.standings.size >= MAX_STANDINGS && oldest !== undefined) this.standings.delete(oldest);
    this.standings.set(key, standing);
    if (call.autoApprove) await this.approve(tailnet, ensured.record, { standing, signal });
    return ensured;
  }

  private async detachNow(tailnet: Tailnet, call: DetachCall, signal: AbortSignal) {
    const left = await this.options.keeper.detach(tailnet.services, call.leave, signal);
    const key = standingKey(call.address, call.leave);
    const standing = this.standings.get(key);
    standing?.consumers.delete(call.leave.consumer);
    if (standing?.consumers.size === 0) this.standings.delete(key);
    if (left.changed) this.options.metrics.cleaned(left.deleted ? 'delete' : 'detach');
    return left;
  }

  /** Approvals are a help, not the purpose: a failure is logged and comes round again. */
  private async approve(
    tailnet: Tailnet,
    record: ServiceRecord,
    at: { standing: Standing; signal: AbortSignal },
  ): Promise<void> {
    const { clock, approveEveryMs, log } = this.options;
    if (clock.now() - at.standing.approvedAt < approveEveryMs) return;
    at.standing.approvedAt = clock.now();
    try {
      const approved = await approveHosts(tailnet, record, at.signal);
      if (approved > 0) log.info({ service: record.name, approved }, 'approved hosts of the VIP service');
    } catch (error) {
      if (!(error instanceof TailnetError)) throw error;
      log.warn({ service: record.name, err: error.message }, 'hosts of the VIP service could not be approved');
    }
  }

  private async verifyJoined(call: EnsureCall, signal: AbortSignal): Promise<void> {
    const tailnet = await this.options.pool.get(call.address);
    await this.serialized(call.address, call.join.name, signal, async () => {
      const standing = this.standings.get(standingKey(call.address, call.join));
      // Someone else's service that is gone is not ours to bring back.
      const attachOnly = call.join.attachOnly || standing?.membership.adopted === true;
      const ensured = await this.ensureNow(tailnet, { ...call, join: { ...call.join, attachOnly } }, signal);
      if (ensured.changed) {
        this.options.metrics.reasserted();
        this.options.log.warn(
          { service: call.join.name, operatorId: call.join.operatorId },
          'a lost write was repeated',
        );
      }
    });
  }

  private async verifyLeft(call: DetachCall, signal: AbortSignal): Promise<void> {
    const tailnet = await this.options.pool.get(call.address);
    await this.serialized(call.address, call.leave.name, signal, async () => {
      const left = await this.detachNow(tailnet, call, signal);
      if (left.changed) this.options.metrics.reasserted();
    });
  }

  private async answer(tailnet: Tailnet, ensured: Ensured): Promise<EnsureResponse> {
    const { record, registry } = ensured;
    const { magicDnsSuffix } = await tailnet.describe().catch((error: unknown) => {
      this.options.log.warn({ err: (error as Error).message }, 'the MagicDNS suffix is unknown');
      return { magicDnsSuffix: '' };
    });
    const annotations = Object.entries(record.annotations ?? {}).filter(([key]) => !isReservedAnnotation(key));
    return {
      service: {
        name: record.name,
        ports: record.ports ?? [],
        tags: record.tags ?? [],
        comment: record.comment ?? '',
        annotations: Object.fromEntries(annotations),
      },
      addresses: record.addrs ?? [],
      dnsName: magicDnsSuffix === '' ? '' : `${record.name.replace(/^svc:/, '')}.${magicDnsSuffix}`,
      ownerOperator: registry.owner ?? '',
      // All but the owner, the caller included: what every operator's status shows is the same.
      consumerOperators: [...registry.consumers],
      registryKey: registryKey(record.name),
      created: ensured.created,
      specConflicts: ensured.conflicts,
    };
  }

  private async withTailnet<T>(address: TailnetAddress, work: (tailnet: Tailnet) => Promise<T>): Promise<T> {
    const tailnet = await this.options.pool.get(address);
    try {
      return await work(tailnet);
    } catch (error) {
      if (error instanceof TailnetError && error.code === 'unauthorized') {
        this.options.credentials.forget(address.secret);
        const { namespace, name } = address.secret;
        throw new CoordinatorError(
          'credentials-refused',
          `the tailnet refuses the credentials in Secret ${namespace}/${name}: renew client_id and client_secret`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  // eslint-disable-next-line max-params -- private, and each of another type
  private serialized<T>(
    address: TailnetAddress,
    service: string,
    signal: AbortSignal,
    task: () => Promise<T>,
  ): Promise<T> {
    return this.options.queue.run(`${tailnetKey(address)}|${service}`, signal, task);
  }

  private requireLeading(): void {
    if (!this.leading) throw new CoordinatorError('not-leading', 'this replica is a standby, ask the leader');
  }

  private serviceCount(): number {
    return new Set([...this.standings.keys()].map((key) => key.slice(0, key.lastIndexOf('|')))).size;
  }
}

function standingKey(address: TailnetAddress, of: { name: string; operatorId: string }): string {
  return `${tailnetKey(address)}|${of.name}|${of.operatorId}`;
}

function watchKey(address: TailnetAddress, of: { name: string; operatorId: string; consumer: string }): string {
  return `${standingKey(address, of)}|${of.consumer}`;
}
