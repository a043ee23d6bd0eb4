import type { DeltaDiscoveryRequest } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { DeltaDiscoveryResponse } from '@tsgateway/protos/envoy/service/discovery/v3/discovery';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, noEndpoints, ROUTE_TYPE } from './resource.ts';
import type { XdsResource, XdsResources } from './resource.ts';

export interface DeltaSessionOptions {
  readonly send: (response: DeltaDiscoveryResponse) => void;
  /** Resolves when the client no longer warms clusters, or when it has taken too long. */
  readonly warmed: () => Promise<void>;
  /** The client refused something. */
  readonly onNack: (nack: Nack) => void;
  /** Everything of this publication has been acknowledged or refused. */
  readonly onSettled: (version: number) => void;
}

export interface Nack {
  readonly typeUrl: string;
  readonly message: string;
}

/** The version of what the client was told not to exist. */
const ABSENT = '';

/** The state of one type on a stream. */
interface Subscription {
  readonly wildcard: boolean;
  readonly names: Set<string>;
  /** What the client has, by name: versions. */
  readonly sent: Map<string, string>;
  /** Responses whose answer is awaited, by nonce. */
  readonly pending: Map<string, PromiseWithResolvers<void>>;
}

/**
 * The server's side of one incremental ADS stream. A new publication is made before the old one is broken: new and changed clusters,
 * then (once they are warm) listeners and routes, and only then the clusters that nobody uses any more are taken away. No I/O.
 */
export class DeltaSession {
  readonly #options: DeltaSessionOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  #resources: XdsResources;
  #version: number;
  #nonce = 0;
  #updating = false;
  #stale = false;
  #closed = false;

  constructor(options: DeltaSessionOptions, current: { readonly resources: XdsResources; readonly version: number }) {
    this.#options = options;
    this.#resources = current.resources;
    this.#version = current.version;
  }

  /** What the client should have from now on. */
  publish(resources: XdsResources, version: number): void {
    this.#resources = resources;
    this.#version = version;
    this.#stale = true;
    void this.#update();
  }

  close(): void {
    this.#closed = true;
    for (const s of this.#subscriptions.values()) for (const answer of s.pending.values()) answer.resolve();
  }

  onRequest(request: DeltaDiscoveryRequest): void {
    const known = this.#subscriptions.get(request.typeUrl);
    if (request.responseNonce !== '') {
      if (request.errorDetail) {
        this.#options.onNack({ typeUrl: request.typeUrl, message: request.errorDetail.message });
      }
      known?.pending.get(request.responseNonce)?.resolve();
      known?.pending.delete(request.responseNonce);
    }
    const subscription = known ?? this.#subscribe(request);
    for (const name of request.resourceNamesUnsubscribe) {
      subscription.names.delete(name);
      subscription.sent.delete(name);
    }
    for (const name of request.resourceNamesSubscribe) {
      if (name === '*') continue;
      subscription.names.add(name);
      // Asked for again: the client has dropped it, or warms a cluster anew.
      subscription.sent.delete(name);
    }
    const first = known === undefined;
    if (first || request.resourceNamesSubscribe.length > 0) {
      void this.#push(request.typeUrl, { removals: true, always: first && subscription.wildcard });
    }
    if (first && request.typeUrl === LISTENER_TYPE) {
      this.#stale = true;
      void this.#update();
    }
  }

  #subscribe(request: DeltaDiscoveryRequest): Subscription {
    const names = request.resourceNamesSubscribe;
    const subscription: Subscription = {
      wildcard: names.length === 0 || names.includes('*'),
      names: new Set(),
      sent: new Map(Object.entries(request.initialResourceVersions)),
      pending: new Map(),
    };
    this.#subscriptions.set(request.typeUrl, subscription);
    return subscription;
  }

  async #update(): Promise<void> {
    // A client asks for listeners last, when the clusters it found at its start are initialized.
    if (this.#updating || !this.#subscriptions.has(LISTENER_TYPE)) return;
    this.#updating = true;
    while (this.#stale && !this.#closed) {
      this.#stale = false;
      const version = this.#version;
      await this.#push(CLUSTER_TYPE, { removals: false });
      await this.#push(ENDPOINT_TYPE, { removals: false });
      await this.#options.warmed();
      if (this.#stale) continue;
      await Promise.all([this.#push(LISTENER_TYPE, { removals: true }), this.#push(ROUTE_TYPE, { removals: true })]);
      if (this.#stale) continue;
      await this.#push(CLUSTER_TYPE, { removals: true });
      if (!this.#closed) this.#options.onSettled(version);
    }
    this.#updating = false;
  }

  /** Sends what the client of a type lacks; resolves when it has been answered. */
  #push(typeUrl: string, how: { removals: boolean; always?: boolean }): Promise<void> {
    const subscription = this.#subscriptions.get(typeUrl);
    if (!subscription || this.#closed) return Promise.resolve();
    const wanted = this.#wanted(typeUrl, subscription);
    const changed = [...wanted.values()].filter((r) => subscription.sent.get(r.name) !== r.version);
    const removed = how.removals ? this.#removed(subscription, wanted) : [];
    if (changed.length === 0 && removed.length === 0 && how.always !== true) return allAnswered(subscription);

    for (const r of changed) subscription.sent.set(r.name, r.version);
    for (const name of removed) {
      if (subscription.names.has(name)) subscription.sent.set(name, ABSENT);
      else subscription.sent.delete(name);
    }
    const nonce = String(++this.#nonce);
    subscription.pending.set(nonce, Promise.withResolvers());
    this.#options.send(
      DeltaDiscoveryResponse.fromPartial({
        typeUrl,
        nonce,
        systemVersionInfo: String(this.#version),
        resources: changed.map((r) => ({ name: r.name, version: r.version, resource: { typeUrl, value: r.bytes } })),
        removedResources: removed,
      }),
    );
    return allAnswered(subscription);
  }

  #wanted(typeUrl: string, { wildcard, names }: Subscription): Map<string, XdsResource> {
    const all = this.#resources.get(typeUrl) ?? new Map<string, XdsResource>();
    if (wildcard) return new Map(all);
    const found = new Map<string, XdsResource>();
    for (const name of names) {
      const resource = all.get(name) ?? (typeUrl === ENDPOINT_TYPE ? noEndpoints(name) : undefined);
      if (resource) found.set(name, resource);
    }
    return found;
  }

  /** What the client has and should not, and what it asked for and does not exist: it waits for that otherwise. */
  #removed({ sent, names }: Subscription, wanted: ReadonlyMap<string, XdsResource>): string[] {
    return [...new Set([...sent.keys(), ...names])].filter((name) => !wanted.has(name) && sent.get(name) !== ABSENT);
  }
}

const allAnswered = async ({ pending }: Subscription): Promise<void> => {
  await Promise.all([...pending.values()].map((answer) => answer.promise));
};
