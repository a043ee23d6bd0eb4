import { isDeepStrictEqual } from 'node:util';
import type { TailscaleEndpoints, TailscaleServices } from '@tsgateway/api';
import { objectKey } from '@tsgateway/kube';
import {
  buildEndpointsService,
  buildRoute,
  buildService,
  machinesOf,
  routeKey,
  serviceKey,
  targetId,
  type MeshRoute,
  type MeshService,
} from '@tsgateway/model';
import { compileSelector, SelectorIndex, type MatchChange } from '@tsgateway/selector';
import type { Route } from '../resources.ts';
import { checked, sentence, type Problem } from './checked.ts';

/** What changed since the last call: keys of the model, and `namespace/name` of objects whose status may differ. */
export interface CatalogChange {
  /** Of `services`, set or removed. */
  readonly services: ReadonlySet<string>;
  /** Of `routes`, set or removed. */
  readonly routes: ReadonlySet<string>;
  /** TailscaleServices that gained, lost or see a change of an endpoints object, or changed themselves. */
  readonly affectedServices: ReadonlySet<string>;
  /** TailscaleEndpoints that changed, or whose probes did. */
  readonly affectedEndpoints: ReadonlySet<string>;
}

interface Entry<T> {
  /** Valid and defaulted, the last that was. */
  readonly good: T | undefined;
  /** Of the newest object; undefined: it is `good`. */
  readonly problem: Problem | undefined;
}

/**
 * What the custom resources mean: valid objects, who selects whom, and the services and routes of the mesh model.
 * Changed one object at a time; each change touches only the services that it concerns. A stored object that turns
 * invalid keeps its last good version in the model. Listeners are told once per batch of changes, in a microtask.
 */
export class MeshCatalog {
  readonly services = new Map<string, MeshService>();
  readonly routes = new Map<string, MeshRoute>();
  readonly #services = new Map<string, Entry<TailscaleServices>>();
  readonly #endpoints = new Map<string, Entry<TailscaleEndpoints>>();
  readonly #index = new SelectorIndex();
  /** Model keys of the services that a probe target serves. */
  readonly #byTarget = new Map<string, Set<string>>();
  readonly #listeners = new Set<(change: CatalogChange) => void>();
  #pending = noChange();
  #scheduled = false;

  /** Returns what unsubscribes. */
  onChange(listener: (change: CatalogChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  setServices(stored: TailscaleServices): void {
    if (stored.metadata.deletionTimestamp !== undefined) {
      // It only waits for its finalizer: no traffic any more.
      this.removeServices(stored);
      return;
    }
    const key = objectKey(stored);
    const entry = this.#checkServices(stored, this.#services.get(key)?.good);
    this.#services.set(key, entry);
    const { good } = entry;
    if (good !== undefined) {
      const compiled = compileSelector(good.spec.selector);
      if (compiled.ok)
        this.#index.setSelector(key, { scope: good.metadata.namespace ?? '', selector: compiled.selector });
      this.#rebuild(key);
    }
    this.#touch('affectedServices', key);
  }

  removeServices(object: TailscaleServices): void {
    const key = objectKey(object);
    this.#services.delete(key);
    this.#index.removeSelector(key);
    this.#setService(modelKey('TailscaleServices', key), undefined);
    this.#touch('affectedServices', key);
  }

  setEndpoints(stored: TailscaleEndpoints): void {
    if (stored.metadata.deletionTimestamp !== undefined) {
      this.removeEndpoints(stored);
      return;
    }
    const key = objectKey(stored);
    const result = checked('TailscaleEndpoints', stored);
    const good = result.ok ? result.object : this.#endpoints.get(key)?.good;
    this.#endpoints.set(key, { good, problem: result.ok ? undefined : result.problem });
    this.#touch('affectedEndpoints', key);
    if (good === undefined) return;
    const scope = stored.metadata.namespace ?? '';
    const change = this.#index.setObject(key, { scope, labels: stored.metadata.labels ?? {} });
    this.#setService(modelKey('TailscaleEndpoints', key), buildEndpointsService(good));
    this.#rebuildAll(change, this.#index.selectorsOf(key));
  }

  removeEndpoints(object: TailscaleEndpoints): void {
    const key = objectKey(object);
    this.#endpoints.delete(key);
    this.#setService(modelKey('TailscaleEndpoints', key), undefined);
    this.#rebuildAll(this.#index.removeObject(key), []);
    this.#touch('affectedEndpoints', key);
  }

  setRoute(object: Route): void {
    const route = object.metadata.deletionTimestamp === undefined ? buildRoute(object) : undefined;
    const key = routeKeyOf(object);
    if (isDeepStrictEqual(this.routes.get(key), route)) return;
    if (route === undefined) this.routes.delete(key);
    else this.routes.set(key, route);
    this.#touch('routes', key);
  }

  removeRoute(object: Route): void {
    const key = routeKeyOf(object);
    if (this.routes.delete(key)) this.#touch('routes', key);
  }

  /** The last valid version of a TailscaleServices, by `namespace/name`. */
  goodServices(key: string): TailscaleServices | undefined {
    return this.#services.get(key)?.good;
  }

  goodEndpoints(key: string): TailscaleEndpoints | undefined {
    return this.#endpoints.get(key)?.good;
  }

  /** What is wrong with the newest version; undefined: nothing. */
  problemOf(kind: 'TailscaleServices' | 'TailscaleEndpoints', key: string): Problem | undefined {
    return (kind === 'TailscaleServices' ? this.#services : this.#endpoints).get(key)?.problem;
  }

  /** The TailscaleEndpoints that a TailscaleServices selects, sorted by name. */
  selectedBy(servicesKey: string): TailscaleEndpoints[] {
    return this.#index.matchesOf(servicesKey).flatMap((key) => this.#endpoints.get(key)?.good ?? []);
  }

  /** The TailscaleServices (`namespace/name`) that select a TailscaleEndpoints. */
  selectorsOf(endpointsKey: string): string[] {
    return this.#index.selectorsOf(endpointsKey);
  }

  /** The service that an object is in the model. */
  modelOf(kind: 'TailscaleServices' | 'TailscaleEndpoints', key: string): MeshService | undefined {
    return this.services.get(modelKey(kind, key));
  }

  /** Services that a probe target belongs to. */
  servicesOfTarget(target: string): MeshService[] {
    return [...(this.#byTarget.get(target) ?? [])].flatMap((key) => this.services.get(key) ?? []);
  }

  #checkServices(stored: TailscaleServices, lastGood: TailscaleServices | undefined): Entry<TailscaleServices> {
    const result = checked('TailscaleServices', stored);
    if (!result.ok) return { good: lastGood, problem: result.problem };
    const compiled = compileSelector(result.object.spec.selector);
    if (compiled.ok) return { good: result.object, problem: undefined };
    return { good: lastGood, problem: { reason: 'SelectorInvalid', message: sentence(compiled.errors) } };
  }

  #rebuildAll(change: MatchChange, selectors: readonly string[]): void {
    for (const key of new Set([...change.gained, ...change.lost, ...selectors])) {
      this.#rebuild(key);
      this.#touch('affectedServices', key);
    }
  }

  #rebuild(servicesKey: string): void {
    const good = this.#services.get(servicesKey)?.good;
    const service = good && buildService(good, this.selectedBy(servicesKey));
    this.#setService(modelKey('TailscaleServices', servicesKey), service);
  }

  #setService(key: string, service: MeshService | undefined): void {
    const old = this.services.get(key);
    // Most events are writes of a status.
    if (isDeepStrictEqual(old, service)) return;
    for (const target of targetsOf(old)) {
      const keys = this.#byTarget.get(target);
      keys?.delete(key);
      if (keys?.size === 0) this.#byTarget.delete(target);
    }
    for (const target of targetsOf(service)) {
      const keys = this.#byTarget.get(target) ?? new Set();
      this.#byTarget.set(target, keys.add(key));
    }
    if (service === undefined) this.services.delete(key);
    else this.services.set(key, service);
    this.#touch('services', key);
    // Each service probes in its own way: it bears on the health of the endpoints that it has, or had.
    for (const group of [...(old?.groups ?? []), ...(service?.groups ?? [])]) {
      const { namespace } = service ?? old ?? { namespace: '' };
      if (group.source === 'endpoints') this.#touch('affectedEndpoints', `${namespace}/${group.name}`);
    }
  }

  #touch(what: keyof CatalogChange, key: string): void {
    this.#pending[what].add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const change = this.#pending;
      this.#pending = noChange();
      for (const listener of this.#listeners) listener(change);
    });
  }
}

const noChange = () => ({
  services: new Set<string>(),
  routes: new Set<string>(),
  affectedServices: new Set<string>(),
  affectedEndpoints: new Set<string>(),
});

const targetsOf = (service: MeshService | undefined): Set<string> =>
  new Set(service ? machinesOf(service).flatMap((machine) => targetId(machine) ?? []) : []);

function modelKey(kind: 'TailscaleServices' | 'TailscaleEndpoints', key: string): string {
  const slash = key.indexOf('/');
  return serviceKey({ kind, namespace: key.slice(0, slash), name: key.slice(slash + 1) });
}

const routeKeyOf = ({ kind, metadata }: Route): string =>
  routeKey({
    kind: kind === 'GRPCRoute' ? 'GRPCRoute' : 'HTTPRoute',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
  });
