import type { Kind } from '../kinds/kind.ts';
import type { KubeObject, OwnerReference } from '../object.ts';
import { StatusError } from '../status-error.ts';
import type { StoreEvent } from '../storage/store.ts';
import { foregroundFinalizer, orphanFinalizer } from './resource-api.ts';
import type { ResourceApi } from './resource-api.ts';

interface Ref {
  bucket: string;
  key: string;
}

/**
 * Owner references, namespaces and definitions: removes objects whose owners are all gone, carries out foreground and
 * orphan deletion, empties namespaces that are being deleted and resources whose definition is. Works in batches after
 * the change that caused it; {@link settle} waits for that.
 */
export class GarbageCollector {
  private readonly api: ResourceApi;
  private readonly owners = new Map<string, Ref>();
  private readonly dependents = new Map<string, Set<string>>();
  private readonly refs = new Map<string, Ref>();
  private readonly queue = new Map<string, () => void>();
  private readonly unsubscribe: () => void;
  private scheduled: NodeJS.Immediate | undefined;

  constructor(api: ResourceApi) {
    this.api = api;
    this.unsubscribe = api.store.subscribe((event) => this.observe(event));
  }

  close(): void {
    this.unsubscribe();
    if (this.scheduled !== undefined) clearImmediate(this.scheduled);
    this.queue.clear();
  }

  /** Runs everything that is due now. */
  settle(): void {
    while (this.queue.size > 0) {
      const [id, work] = this.queue.entries().next().value ?? ['', () => undefined];
      this.queue.delete(id);
      work();
    }
  }

  private enqueue(id: string, work: () => void): void {
    this.queue.set(id, work);
    this.scheduled ??= setImmediate(() => {
      this.scheduled = undefined;
      this.settle();
    });
  }

  private observe({ bucket, key, type, object, previous }: StoreEvent): void {
    const { uid, namespace } = object.metadata;
    const id = `${bucket} ${key}`;
    for (const owner of previous?.metadata.ownerReferences ?? []) this.dependents.get(owner.uid)?.delete(id);
    if (type === 'DELETED') {
      this.refs.delete(id);
      if (uid !== undefined) {
        this.owners.delete(uid);
        for (const dependent of this.dependents.get(uid) ?? [])
          this.enqueue(`object ${dependent}`, () => this.checkObject(dependent));
        this.dependents.delete(uid);
      }
      for (const owner of object.metadata.ownerReferences ?? []) this.enqueueOwner(owner.uid);
      if (namespace !== undefined) this.enqueueNamespace(namespace);
      this.enqueueDefinition(bucket);
      return;
    }
    this.refs.set(id, { bucket, key });
    if (uid !== undefined) this.owners.set(uid, { bucket, key });
    for (const owner of object.metadata.ownerReferences ?? []) {
      let set = this.dependents.get(owner.uid);
      if (set === undefined) this.dependents.set(owner.uid, (set = new Set()));
      set.add(id);
      if (!this.owners.has(owner.uid)) this.enqueue(`object ${id}`, () => this.checkObject(id));
    }
    if (object.metadata.deletionTimestamp !== undefined) {
      if (uid !== undefined) this.enqueueOwner(uid);
      if (bucket === '/namespaces') this.enqueueNamespace(key);
      if (bucket === definitions)
        this.enqueueDefinition(key.slice(key.indexOf('.') + 1) + '/' + key.slice(0, key.indexOf('.')));
    }
  }

  private enqueueOwner(uid: string): void {
    this.enqueue(`owner ${uid}`, () => this.checkOwner(uid));
  }

  private enqueueNamespace(name: string): void {
    if (this.api.store.get('/namespaces', name)?.metadata.deletionTimestamp === undefined) return;
    this.enqueue(`namespace ${name}`, () => this.emptyNamespace(name));
  }

  private enqueueDefinition(bucket: string): void {
    const [group, plural] = [bucket.slice(0, bucket.indexOf('/')), bucket.slice(bucket.indexOf('/') + 1)];
    const name = `${plural}.${group}`;
    if (this.api.store.get(definitions, name)?.metadata.deletionTimestamp === undefined) return;
    this.enqueue(`definition ${name}`, () => this.emptyDefinition(name, bucket));
  }

  private read(id: string): { ref: Ref; object: KubeObject; kind: Kind } | undefined {
    const ref = this.refs.get(id);
    if (ref === undefined) return undefined;
    const object = this.api.store.get(ref.bucket, ref.key);
    const kind = this.api.kinds.ofBucket(ref.bucket);
    return object === undefined || kind === undefined ? undefined : { ref, object, kind };
  }

  /** An owner counts where it exists under that uid, in the dependent's namespace or in none. */
  private exists(owner: OwnerReference, dependent: KubeObject): boolean {
    const ref = this.owners.get(owner.uid);
    const object = ref === undefined ? undefined : this.api.store.get(ref.bucket, ref.key);
    if (object === undefined) return false;
    return object.metadata.namespace === undefined || object.metadata.namespace === dependent.metadata.namespace;
  }

  private checkObject(id: string): void {
    const found = this.read(id);
    if (found === undefined) return;
    const { object, kind } = found;
    const owners = object.metadata.ownerReferences ?? [];
    const left = owners.filter((owner) => this.exists(owner, object));
    if (left.length === owners.length) return;
    if (left.length === 0) this.remove(kind, object, 'Background');
    else this.api.writeInternal(kind, { ...object, metadata: { ...object.metadata, ownerReferences: left } });
  }

  private checkOwner(uid: string): void {
    const ref = this.owners.get(uid);
    const owner = ref === undefined ? undefined : this.read(`${ref.bucket} ${ref.key}`);
    if (owner === undefined || owner.object.metadata.deletionTimestamp === undefined) return;
    const finalizers = owner.object.metadata.finalizers ?? [];
    const dependents = [...(this.dependents.get(uid) ?? [])].flatMap((id) => this.read(id) ?? []);
    if (finalizers.includes(orphanFinalizer)) {
      for (const { object, kind } of dependents) {
        const left = (object.metadata.ownerReferences ?? []).filter((o) => o.uid !== uid);
        const { ownerReferences: _, ...metadata } = object.metadata;
        this.api.writeInternal(kind, {
          ...object,
          metadata: left.length === 0 ? metadata : { ...metadata, ownerReferences: left },
        });
      }
      this.dropFinalizer(owner, orphanFinalizer);
    } else if (finalizers.includes(foregroundFinalizer)) {
      const blocking = dependents.filter(({ object }) =>
        object.metadata.ownerReferences?.some((o) => o.uid === uid && o.blockOwnerDeletion === true),
      );
      for (const { object, kind } of dependents) {
        if (object.metadata.deletionTimestamp === undefined) this.remove(kind, object, 'Foreground');
      }
      const waiting = blocking.some(({ ref: r }) => this.api.store.get(r.bucket, r.key) !== undefined);
      if (!waiting) this.dropFinalizer(owner, foregroundFinalizer);
    }
  }

  private dropFinalizer({ kind, ref }: { kind: Kind; ref: Ref }, finalizer: string): void {
    const object = this.api.store.get(ref.bucket, ref.key);
    if (object === undefined) return;
    const finalizers = (object.metadata.finalizers ?? []).filter((f) => f !== finalizer);
    this.api.writeInternal(kind, { ...object, metadata: { ...object.metadata, finalizers } });
  }

  private remove(kind: Kind, object: KubeObject, propagation: 'Background' | 'Foreground'): void {
    try {
      this.api.delete(
        { kind, namespace: object.metadata.namespace, name: object.metadata.name, subresource: '' },
        { dryRun: false, propagation },
      );
    } catch (error) {
      // Gone in the meantime is what was wanted.
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
    }
  }

  private emptyNamespace(name: string): void {
    const namespace = this.api.store.get('/namespaces', name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    let left = 0;
    for (const [bucket, kind] of this.namespacedBuckets()) {
      for (const object of this.api.store.list(bucket, name)) {
        if (object.metadata.deletionTimestamp === undefined) this.remove(kind, object, 'Background');
      }
      left += this.api.store.list(bucket, name).length;
    }
    if (left > 0 || (namespace.metadata.finalizers ?? []).length > 0) return;
    this.api.store.remove('/namespaces', name, { ...namespace, spec: {} });
  }

  private namespacedBuckets(): Map<string, Kind> {
    const buckets = new Map<string, Kind>();
    for (const kind of this.api.kinds.all()) {
      if (kind.namespaced && kind.toStored === undefined && kind.answer === undefined) buckets.set(kind.bucket, kind);
    }
    return buckets;
  }

  private emptyDefinition(name: string, bucket: string): void {
    const definition = this.api.store.get(definitions, name);
    if (definition === undefined) return;
    const kind = this.api.kinds.ofBucket(bucket);
    if (kind !== undefined) {
      for (const object of this.api.store.list(bucket)) {
        if (object.metadata.deletionTimestamp === undefined) this.remove(kind, object, 'Background');
      }
    }
    if (this.api.store.list(bucket).length === 0) this.api.store.remove(definitions, name, definition);
  }
}

const definitions = 'apiextensions.k8s.io/customresourcedefinitions';
