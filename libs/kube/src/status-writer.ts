import { isDeepStrictEqual } from 'node:util';
import type { CallOptions, KubeClient } from './kube-client.ts';
import { objectKey, versionOf, type KubeObject, type Resource } from './resource.ts';

type WithStatus = KubeObject & { status?: unknown };

/**
 * Writes the status of one kind's objects by server-side apply, under one field manager, and only where it differs.
 * Remembers what it wrote until the informer's cache has caught up, so that a reconcile that comes before that does
 * not decide (and date transitions) from the past.
 */
export class StatusWriter<T extends WithStatus> {
  readonly #client: Pick<KubeClient, 'applyStatus'>;
  readonly #resource: Resource<T>;
  readonly #fieldManager: string;
  readonly #written = new Map<string, T>();

  constructor(options: {
    readonly client: Pick<KubeClient, 'applyStatus'>;
    readonly resource: Resource<T>;
    readonly fieldManager: string;
  }) {
    this.#client = options.client;
    this.#resource = options.resource;
    this.#fieldManager = options.fieldManager;
  }

  /** The newer of the cached object and the one last written. */
  newest(cached: T): T {
    const key = objectKey(cached);
    const written = this.#written.get(key);
    if (written === undefined) return cached;
    const caughtUp =
      written.metadata.uid !== cached.metadata.uid ||
      versionOf(cached.metadata.resourceVersion) >= versionOf(written.metadata.resourceVersion);
    if (!caughtUp) return { ...cached, status: written.status };
    this.#written.delete(key);
    return cached;
  }

  /** Resolves to whether it wrote. `object` must come from `newest`. */
  async applyIfChanged(object: T, status: unknown, options: CallOptions = {}): Promise<boolean> {
    if (sameJson(object.status, status)) return false;
    const written = await this.#client.applyStatus(this.#resource, object.metadata, {
      ...options,
      status: plain(status),
      fieldManager: this.#fieldManager,
    });
    this.#written.set(objectKey(object), written);
    return true;
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#written.delete(key);
  }
}

/** Equal as JSON: absent and undefined are the same, the order of keys does not matter. */
export const sameJson = (a: unknown, b: unknown): boolean => isDeepStrictEqual(plain(a), plain(b));

const plain = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
