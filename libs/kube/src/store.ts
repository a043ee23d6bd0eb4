import type { Log } from './log.ts';
import { objectKey, versionOf, type KubeObject } from './resource.ts';

/** Told synchronously, in the order of the API server's events. An exception is logged and stops nobody else. */
export interface StoreHandler<T> {
  readonly add?: (object: T) => void;
  readonly update?: (object: T, old: T) => void;
  readonly delete?: (old: T) => void;
}

/** The values under which an object is found in an index. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** What the reflector writes into. */
export interface StoreWriter<T> {
  replace(objects: readonly T[], resourceVersion: string): void;
  put(object: T): void;
  remove(object: T): void;
  bookmark(resourceVersion: string): void;
}

/** Objects of one kind by `objectKey`, as the API server last told; read by everyone, written by one reflector. */
export class Store<T extends KubeObject> implements StoreWriter<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: ReadonlyMap<string, IndexFunction<T>>;
  readonly #indices = new Map<string, Map<string, Set<string>>>();
  readonly #handlers = new Set<StoreHandler<T>>();
  readonly #log: Log;
  #synced = false;
  #version = 0n;

  constructor(options: { readonly log: Log; readonly indexers?: Readonly<Record<string, IndexFunction<T>>> }) {
    this.#log = options.log;
    this.#indexers = new Map(Object.entries(options.indexers ?? {}));
    for (const name of this.#indexers.keys()) this.#indices.set(name, new Map());
  }

  /** The first list has arrived, complete. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  /** The highest resourceVersion seen, of lists, events and bookmarks. Never falls. */
  get resourceVersion(): bigint {
    return this.#version;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** In the order of arrival. */
  list(): T[] {
    return [...this.#objects.values()];
  }

  /** The objects that an index lists under a value. Throws where no such index was declared. */
  byIndex(index: string, value: string): T[] {
    const values = this.#indices.get(index);
    if (values === undefined) throw new TypeError(`no index "${index}"`);
    const found: T[] = [];
    for (const key of values.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /** Objects that are there already are told as added, at once. Returns what unsubscribes. */
  subscribe(handler: StoreHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) this.#tell(() => handler.add?.(object));
    return () => {
      this.#handlers.delete(handler);
    };
  }

  replace(objects: readonly T[], resourceVersion: string): void {
    const keys = new Set(objects.map(objectKey));
    this.#see(resourceVersion);
    // Before the handlers, so that one which asks finds the list complete.
    this.#synced = true;
    for (const [key, old] of [...this.#objects]) if (!keys.has(key)) this.remove(old);
    for (const object of objects) this.put(object);
  }

  put(object: T): void {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    this.#see(object.metadata.resourceVersion);
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      // Deleted and made anew while nobody watched: not an update of the same thing.
      this.remove(old);
      this.put(object);
      return;
    }
    const version = object.metadata.resourceVersion;
    if (old !== undefined && version !== undefined && old.metadata.resourceVersion === version) return;
    if (old !== undefined) this.#index(key, old, false);
    this.#objects.set(key, object);
    this.#index(key, object, true);
    for (const handler of this.#handlers) {
      this.#tell(() => {
        if (old === undefined) handler.add?.(object);
        else handler.update?.(object, old);
      });
    }
  }

  remove(object: T): void {
    const key = objectKey(object);
    this.#see(object.metadata.resourceVersion);
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#index(key, old, false);
    this.#objects.delete(key);
    for (const handler of this.#handlers) this.#tell(() => handler.delete?.(old));
  }

  bookmark(resourceVersion: string): void {
    this.#see(resourceVersion);
  }

  #see(resourceVersion: string | undefined): void {
    const version = versionOf(resourceVersion);
    if (version > this.#version) this.#version = version;
  }

  #index(key: string, object: T, present: boolean): void {
    for (const [name, valuesOf] of this.#indexers) {
      const index = this.#indices.get(name);
      if (index === undefined) continue;
      for (const value of valuesOf(object)) {
        const keys = index.get(value) ?? new Set<string>();
        if (present) keys.add(key);
        else keys.delete(key);
        if (keys.size === 0) index.delete(value);
        else index.set(value, keys);
      }
    }
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error({ err: error }, 'store handler failed');
    }
  }
}
