import { Reflector, type ReflectorOptions } from './reflector.ts';
import type { KubeObject } from './resource.ts';
import { Store, type IndexFunction } from './store.ts';

export interface InformerOptions<T extends KubeObject> extends ReflectorOptions<T> {
  readonly indexers?: Readonly<Record<string, IndexFunction<T>>>;
}

/** A store and the reflector that fills it. */
export class Informer<T extends KubeObject> {
  readonly store: Store<T>;
  readonly #reflector: Reflector<T>;

  constructor(options: InformerOptions<T>) {
    this.store = new Store({ log: options.log, indexers: options.indexers ?? {} });
    this.#reflector = new Reflector({ ...options, transform: options.transform ?? withoutManagedFields }, this.store);
  }

  /** Whether the server has the kind; undefined: not known yet. False only where it is `optional`. */
  get served(): boolean | undefined {
    return this.#reflector.served;
  }

  /** Resolves when the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }
}

/** Drops what no controller reads and what makes up much of an object's size. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
