/** `metadata` of an object, as the API server sends it. Times are RFC 3339 strings. */
export interface ObjectMeta {
  name: string;
  /** Unset on cluster-scoped objects. */
  namespace?: string;
  uid?: string;
  /** Grows with each change of the spec. */
  generation?: number;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  creationTimestamp?: string;
  /** Set: the object is being deleted and only waits for its finalizers. */
  deletionTimestamp?: string;
  managedFields?: ManagedFieldsEntry[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager?: string;
  operation?: 'Apply' | 'Update';
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: Record<string, unknown>;
  subresource?: string;
}
