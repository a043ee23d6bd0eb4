import { type Plan, plan } from '@tsgateway/load-balancing';
import {
  applyUpdate,
  emptyModel,
  HealthStore,
  machinesOf,
  type MeshModel,
  type MeshRoute,
  type MeshService,
  probeTargets,
  targetId,
} from '@tsgateway/model';
import type { HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import type { ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';

/** Time and one timer, so that tests need not wait. */
export interface Clock {
  /** Unix ms. */
  now(): number;
  /** Calls back once, not before `atMs`; returns how to cancel. */
  at(atMs: number, callback: () => void): () => void;
}

export interface MeshStateOptions {
  readonly clock: Clock;
  /** Services, by key, whose plan is different now, is new, or is gone. Called in the same turn as the cause. */
  readonly onPlanned: (keys: ReadonlySet<string>) => void;
  /** The model changed: revision, services or routes. */
  readonly onModel?: (model: MeshModel) => void;
  /** A resource of the model was refused and keeps its last good form. */
  readonly onRefused?: (key: string, error: unknown) => void;
  /** The model went back to an older revision: for a minute there was no other. */
  readonly onSetBack?: (from: bigint, to: bigint) => void;
}

/**
 * An operator replica that lags behind another is ahead of what is known here in seconds. When nothing newer comes for
 * this long, revisions themselves went back: etcd was restored from a backup, or another cluster took over.
 */
const refuseOlderForMs = 60_000;

/** Former copies that are kept: of a route, and of how many routes. Envoy Gateway is seldom behind by more. */
const former = { copies: 4, routes: 2000 };
/** Services that are gone and are remembered. */
const maxGone = 2000;

/**
 * The model, the health of its machines, and the plan that follows from both for each service. A change replans only
 * the services that it concerns; a plan that time alone will change is made again at that instant.
 */
export class MeshState {
  readonly #options: MeshStateOptions;
  readonly #health = new HealthStore();
  readonly #plans = new Map<string, Plan>();
  readonly #servicesOfTarget = new Map<string, Set<string>>();
  readonly #waiters = new Set<() => void>();
  /** By route; those that changed last are last. */
  readonly #former = new Map<string, readonly MeshRoute[]>();
  /** Services that were there; those that went last are last. */
  readonly #gone = new Set<string>();
  #model: MeshModel | undefined;
  /** Since when only older models than ours come. */
  #olderSinceMs: number | undefined;
  #cancelTimer: () => void = () => undefined;

  constructor(options: MeshStateOptions) {
    this.#options = options;
  }

  /** Undefined until the first snapshot came. */
  get model(): MeshModel | undefined {
    return this.#model;
  }

  /** What a route was before, the newest first; also one that is gone. */
  formerRoutes(routeKey: string): readonly MeshRoute[] {
    return this.#former.get(routeKey) ?? [];
  }

  /** There was such a service, and it is gone. */
  isGone(serviceKey: string): boolean {
    return this.#gone.has(serviceKey);
  }

  planOf(serviceKey: string): Plan | undefined {
    return this.#plans.get(serviceKey);
  }

  /**
   * Takes a message of the model's stream in. False: it is older than what is known, and was ignored. A snapshot is
   * taken all the same once there has been nothing but older ones for a minute.
   */
  applyModel(update: ModelUpdate): boolean {
    const before = this.#model ?? emptyModel;
    let after = applyUpdate(before, update, this.#options.onRefused);
    if (after === 'stale') {
      const nowMs = this.#options.clock.now();
      this.#olderSinceMs ??= nowMs;
      if (!update.snapshot || nowMs - this.#olderSinceMs < refuseOlderForMs) return false;
      after = applyUpdate({ ...before, revision: 0n }, update, this.#options.onRefused);
      if (after === 'stale') return false;
      this.#options.onSetBack?.(before.revision, after.revision);
    }
    this.#olderSinceMs = undefined;
    this.#model = after;
    for (const key of changedKeys(before.routes, after.routes)) this.#keepFormer(key, before.routes.get(key));
    const concerned = changedKeys(before.services, after.services);
    for (const key of concerned) {
      const old = before.services.get(key);
      const now = after.services.get(key);
      if (old) this.#index(key, old, 'remove');
      this.#noteWhetherGone(key, now === undefined);
      if (now) this.#index(key, now, 'add');
    }
    if (concerned.size > 0) this.#health.retain(probeTargets(after));
    this.#replan(concerned);
    this.#options.onModel?.(after);
    for (const wake of [...this.#waiters]) wake();
    return true;
  }

  /** Takes a message of a checker's stream in. */
  applyHealth(update: HealthUpdate): void {
    const concerned = new Set<string>();
    for (const target of this.#health.apply(update)) {
      for (const key of this.#servicesOfTarget.get(target) ?? []) concerned.add(key);
    }
    this.#replan(concerned);
  }

  /** A checker is gone for good; what it said stays until another says something. */
  checkerGone(checker: string): void {
    this.#health.disconnected(checker);
  }

  /** Waits until the model satisfies `condition`; false when the deadline (Unix ms) passes first. */
  until(condition: (model: MeshModel | undefined) => boolean, deadlineMs: number): Promise<boolean> {
    if (condition(this.#model)) return Promise.resolve(true);
    if (this.#options.clock.now() >= deadlineMs) return Promise.resolve(false);
    return new Promise((resolve) => {
      const finish = (value: boolean) => {
        this.#waiters.delete(wake);
        cancel();
        resolve(value);
      };
      const wake = () => {
        if (condition(this.#model)) finish(true);
      };
      const cancel = this.#options.clock.at(deadlineMs, () => finish(false));
      this.#waiters.add(wake);
    });
  }

  close(): void {
    this.#cancelTimer();
  }

  #keepFormer(key: string, route: MeshRoute | undefined): void {
    if (!route) return;
    const copies = [route, ...this.formerRoutes(key)].slice(0, former.copies);
    this.#former.delete(key);
    this.#former.set(key, copies);
    for (const oldest of this.#former.keys()) {
      if (this.#former.size <= former.routes) break;
      this.#former.delete(oldest);
    }
  }

  #noteWhetherGone(key: string, gone: boolean): void {
    this.#gone.delete(key);
    if (gone) this.#gone.add(key);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= maxGone) break;
      this.#gone.delete(oldest);
    }
  }

  #index(key: string, service: MeshService, what: 'add' | 'remove'): void {
    for (const machine of machinesOf(service)) {
      const id = targetId(machine);
      if (id === undefined) continue;
      const keys = this.#servicesOfTarget.get(id) ?? new Set();
      if (what === 'add') keys.add(key);
      else keys.delete(key);
      if (keys.size > 0) this.#servicesOfTarget.set(id, keys);
      else this.#servicesOfTarget.delete(id);
    }
  }

  #replan(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    const nowMs = this.#options.clock.now();
    const health = this.#health.view();
    for (const key of keys) {
      const service = this.#model?.services.get(key);
      if (service) this.#plans.set(key, plan({ service, health, nowMs }));
      else this.#plans.delete(key);
    }
    this.#schedule();
    this.#options.onPlanned(keys);
  }

  #schedule(): void {
    this.#cancelTimer();
    let next = Infinity;
    for (const { nextChangeAtMs } of this.#plans.values()) next = Math.min(next, nextChangeAtMs ?? Infinity);
    this.#cancelTimer = Number.isFinite(next) ? this.#options.clock.at(next, () => this.#replanDue()) : () => undefined;
  }

  #replanDue(): void {
    const nowMs = this.#options.clock.now();
    const due = [...this.#plans].filter(([, p]) => (p.nextChangeAtMs ?? Infinity) <= nowMs).map(([key]) => key);
    if (due.length > 0) this.#replan(new Set(due));
    else this.#schedule();
  }
}

/** `applyUpdate` keeps the identity of what did not change. */
function changedKeys<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): Set<string> {
  const keys = new Set<string>();
  for (const [key, value] of after) if (before.get(key) !== value) keys.add(key);
  for (const key of before.keys()) if (!after.has(key)) keys.add(key);
  return keys;
}
