import type { Clock, TailnetApi, TailnetDescription, VipServices } from '@tsgateway/tailnet';
import { CoordinatorError } from './coordinator-error.ts';
import type { CredentialStore, Credentials } from './credential-store.ts';

/** Which tailnet, by which credentials: `TailnetRef` of the proto, checked. */
export interface TailnetAddress {
  /** Name of the TailscaleTailnet. */
  name: string;
  /** Organization; "-" is the credentials' own. */
  tailnet: string;
  secret: { namespace: string; name: string };
}

/** Two addresses with one key are served by one client. */
export function tailnetKey(address: TailnetAddress): string {
  return `${address.tailnet}|${address.secret.namespace}/${address.secret.name}`;
}

export interface TailnetPoolOptions {
  credentials: CredentialStore;
  open: (tailnet: string, credentials: Credentials) => TailnetApi;
  clock: Clock;
  /** How long a list of devices is good enough, in ms. */
  describeTtlMs: number;
}

const MAX_TAILNETS = 200;

/** One client per tailnet and version of its Secret. */
export class TailnetPool {
  private readonly options: TailnetPoolOptions;
  private readonly tailnets = new Map<string, Tailnet>();

  constructor(options: TailnetPoolOptions) {
    this.options = options;
  }

  /** Throws what `CredentialStore.get` throws. */
  async get(address: TailnetAddress): Promise<Tailnet> {
    const credentials = await this.options.credentials.get(address.secret);
    const key = tailnetKey(address);
    const known = this.tailnets.get(key);
    if (known?.version === credentials.version) return known;
    const api = this.options.open(address.tailnet, credentials);
    const tailnet = new Tailnet(api, { ...this.options, version: credentials.version });
    this.tailnets.delete(key);
    this.tailnets.set(key, tailnet);
    void known?.close();
    for (const [oldest, unused] of this.tailnets) {
      if (this.tailnets.size <= MAX_TAILNETS) break;
      this.tailnets.delete(oldest);
      void unused.close();
    }
    return tailnet;
  }

  async close(): Promise<void> {
    const all = [...this.tailnets.values()];
    this.tailnets.clear();
    await Promise.all(all.map((tailnet) => tailnet.close()));
  }
}

/** A tailnet that can be talked to, and what was lately heard of it. */
export class Tailnet {
  readonly version: string;
  private readonly api: TailnetApi;
  private readonly clock: Clock;
  private readonly ttlMs: number;
  private described: { at: number; description: Promise<TailnetDescription> } | undefined;

  constructor(api: TailnetApi, options: { clock: Clock; describeTtlMs: number; version: string }) {
    this.api = api;
    this.clock = options.clock;
    this.ttlMs = options.describeTtlMs;
    this.version = options.version;
  }

  /** Throws `not-supported` where the control plane has none. */
  get services(): VipServices {
    const { vipServices } = this.api;
    if (!vipServices) throw new CoordinatorError('not-supported', 'this control plane has no VIP services');
    return vipServices;
  }

  /** The tailnet as it was at most a TTL ago: one poll for all who ask. Failures are not kept. */
  describe(): Promise<TailnetDescription> {
    const now = this.clock.now();
    if (this.described && now - this.described.at < this.ttlMs) return this.described.description;
    const described = { at: now, description: this.api.describe() };
    this.described = described;
    described.description.catch(() => {
      if (this.described === described) this.described = undefined;
    });
    return described.description;
  }

  async close(): Promise<void> {
    await this.api.close();
  }
}
