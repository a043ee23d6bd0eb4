import type { KubeObject } from '../object.ts';
import { expired, StatusError } from '../status-error.ts';

/** A change of one object, in the order of revisions. */
export interface StoreEvent {
  revision: number;
  bucket: string;
  key: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  previous: KubeObject | undefined;
}

export interface StoreOptions {
  /** How many events are kept for watches that resume. */
  historySize: number;
  /** The most objects held; a create beyond it is refused. */
  maxObjects: number;
}

interface Bucket {
  objects: Map<string, KubeObject>;
  /** Keys in order; dropped when the set of keys changes. */
  sorted: string[] | undefined;
}

/** `namespace/name`, or `name` of cluster-scoped objects. */
export function storeKey(namespace: string | undefined, name: string): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/**
 * The memory of the API: objects by bucket (one per resource) and key, one growing revision for all, and a bounded
 * history. Objects are never changed in place. Every method is synchronous, so a read and the write that follows it
 * without an await are atomic.
 */
export class Store {
  private readonly buckets = new Map<string, Bucket>();
  private readonly floors = new Map<string, number>();
  private readonly history: StoreEvent[] = [];
  private readonly options: StoreOptions;
  private readonly listeners = new Set<(event: StoreEvent) => void>();
  private count = 0;
  private last = 1;
  private oldest = 1;

  constructor(options: StoreOptions) {
    this.options = options;
  }

  /** The revision of the newest change. */
  get revision(): number {
    return this.last;
  }

  /** The oldest revision that a watch of a bucket can resume after. */
  oldestRevision(bucket: string): number {
    return Math.max(this.oldest, this.floors.get(bucket) ?? 0);
  }

  /** A bucket begins now: nobody can resume from before. */
  begin(bucket: string): void {
    this.floors.set(bucket, this.last);
  }

  get(bucket: string, key: string): KubeObject | undefined {
    return this.buckets.get(bucket)?.objects.get(key);
  }

  /** All objects of a bucket, or of one namespace of it, ordered by key. */
  list(bucket: string, namespace?: string): KubeObject[] {
    const of = this.buckets.get(bucket);
    if (of === undefined) return [];
    of.sorted ??= [...of.objects.keys()].sort();
    const objects: KubeObject[] = [];
    for (const key of of.sorted) {
      const object = of.objects.get(key);
      if (object !== undefined && (namespace === undefined || object.metadata.namespace === namespace))
        objects.push(object);
    }
    return objects;
  }

  /**
   * The objects of a bucket as they were at a revision.
   *
   * @throws {StatusError} 410 when that is older than the history.
   */
  listAt(bucket: string, revision: number): KubeObject[] {
    if (revision >= this.last) return this.list(bucket);
    if (revision < this.oldestRevision(bucket))
      throw expired('The provided continue parameter or resourceVersion is too old.');
    const objects = new Map(this.buckets.get(bucket)?.objects);
    for (let i = this.history.length - 1; i >= 0; i--) {
      const event = this.history[i];
      if (event === undefined || event.revision <= revision) break;
      if (event.bucket !== bucket) continue;
      if (event.previous === undefined) objects.delete(event.key);
      else objects.set(event.key, event.previous);
    }
    return [...objects.keys()].sort().flatMap((key) => objects.get(key) ?? []);
  }

  /** Writes an object under a new revision and returns it as stored. */
  put(bucket: string, key: string, object: KubeObject): KubeObject {
    let of = this.buckets.get(bucket);
    if (of === undefined) this.buckets.set(bucket, (of = { objects: new Map(), sorted: undefined }));
    const previous = of.objects.get(key);
    if (previous === undefined) {
      if (this.count >= this.options.maxObjects) {
        throw new StatusError({
          code: 507,
          reason: 'InsufficientStorage',
          message: `the embedded API holds at most ${this.options.maxObjects} objects`,
        });
      }
      this.count++;
      of.sorted = undefined;
    }
    const stored = this.stamped(object);
    of.objects.set(key, stored);
    this.emit({ bucket, key, type: previous === undefined ? 'ADDED' : 'MODIFIED', object: stored, previous });
    return stored;
  }

  /** Removes an object; `last` is its final state. Returns it with the revision of the deletion. */
  remove(bucket: string, key: string, last: KubeObject): KubeObject {
    const of = this.buckets.get(bucket);
    const previous = of?.objects.get(key);
    if (of === undefined || previous === undefined) return last;
    of.objects.delete(key);
    of.sorted = undefined;
    this.count--;
    const stored = this.stamped(last);
    this.emit({ bucket, key, type: 'DELETED', object: stored, previous });
    return stored;
  }

  /** The changes of a bucket after a revision, or `gone` when the history no longer reaches back that far. */
  since(bucket: string, revision: number): StoreEvent[] | 'gone' {
    if (revision < this.oldestRevision(bucket)) return 'gone';
    return this.history.filter((event) => event.revision > revision && event.bucket === bucket);
  }

  /** Calls `listener` for every change, synchronously and in order, until the returned function is called. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private stamped(object: KubeObject): KubeObject {
    this.last++;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.last) } };
  }

  private emit(change: Omit<StoreEvent, 'revision'>): void {
    const event: StoreEvent = { ...change, revision: this.last };
    this.history.push(event);
    // Trimmed in steps, so that a full history does not cost a shift of the array per write.
    if (this.history.length >= this.options.historySize + Math.max(64, this.options.historySize >> 3)) {
      const dropped = this.history.splice(0, this.history.length - this.options.historySize);
      this.oldest = dropped.at(-1)?.revision ?? this.oldest;
    }
    for (const listener of this.listeners) listener(event);
  }
}
