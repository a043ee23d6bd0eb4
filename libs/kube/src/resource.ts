/** The metadata that every Kubernetes object carries, as far as a controller reads it. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** Any object, its own fields unread. */
export interface GenericObject extends KubeObject {
  spec?: unknown;
  status?: unknown;
}

/** A kind of objects, and the TypeScript type of one. */
export interface Resource<T extends KubeObject = GenericObject> {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Carries the type only; never there at run time. */
  readonly object?: T;
}

/** Which object of a kind; no namespace for cluster-scoped kinds. */
export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** `v1` or `group/version`. */
export const apiVersionOf = (r: Pick<Resource, 'group' | 'version'>): string =>
  r.group === '' ? r.version : `${r.group}/${r.version}`;

/** `name` or `namespace/name`: how stores and queues call an object. */
export const objectKey = (o: {
  readonly metadata: { readonly namespace?: string | undefined; readonly name: string };
}): string => refKey(o.metadata);

export const refKey = (ref: ObjectRef): string =>
  ref.namespace === undefined || ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;

/** The path of a collection (no name) or an object. Thrown where a namespaced object has no namespace. */
export function pathOf<T extends KubeObject>(
  resource: Resource<T>,
  ref: { readonly namespace?: string | undefined; readonly name?: string | undefined },
  subresource?: string,
): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  if (resource.namespaced && ref.name !== undefined && !ref.namespace) {
    throw new TypeError(`${resource.kind} ${ref.name}: a namespace is needed`);
  }
  const scope = resource.namespaced && ref.namespace ? `/namespaces/${encodeURIComponent(ref.namespace)}` : '';
  const name = ref.name === undefined ? '' : `/${encodeURIComponent(ref.name)}`;
  return `${root}${scope}/${resource.plural}${name}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** A resourceVersion as a number that can be compared; 0 where it is absent or opaque. */
export const versionOf = (resourceVersion: string | undefined): bigint =>
  resourceVersion !== undefined && /^\d+$/.test(resourceVersion) ? BigInt(resourceVersion) : 0n;
