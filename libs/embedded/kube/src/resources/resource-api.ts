import { randomBytes, randomUUID } from 'node:crypto';
import { afterUpdate, applyConfig, sameContent } from '../apply/managed-fields.ts';
import type { Writer } from '../apply/managed-fields.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import { asJson, clone, isObject, jsonEqual } from '../object.ts';
import type { Json, JsonObject, KubeObject, ObjectMeta } from '../object.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import type { JsonPatchOperation } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMergePatch } from '../patch/strategic-merge-patch.ts';
import { applyDefaults } from '../schema/default.ts';
import { validateListTypes } from '../schema/list-types.ts';
import { typedMisfit } from '../apply/typed.ts';
import { ratchet } from '../schema/ratchet.ts';
import { validate } from '../schema/validate.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  notFound,
  staleVersion,
  StatusError,
} from '../status-error.ts';
import type { FieldError, ResourceName } from '../status-error.ts';
import { storeKey } from '../storage/store.ts';
import type { Store } from '../storage/store.ts';
import { decode } from './decode.ts';
import type { FieldValidation } from './decode.ts';
import { checkMetadata } from './metadata.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** What a request says besides its body. */
export interface WriteOptions {
  dryRun: boolean;
  fieldManager: string;
  fieldValidation: FieldValidation;
  force: boolean;
  /** Filled with texts for Warning headers. */
  warnings: string[];
}

export interface DeleteOptions {
  dryRun: boolean;
  propagation: 'Background' | 'Foreground' | 'Orphan';
  uid?: string;
  resourceVersion?: string;
}

/** An object addressed by a request. */
export interface Target {
  kind: Kind;
  namespace: string | undefined;
  name: string;
  subresource: string;
}

export const systemOptions = (fieldManager: string): WriteOptions => ({
  dryRun: false,
  fieldManager,
  fieldValidation: 'Ignore',
  force: false,
  warnings: [],
});

/** Finalizers that the server itself sets and removes for the two waiting ways to delete. */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** The writes and reads of objects: what a request means, without HTTP. All methods are synchronous. */
export class ResourceApi {
  readonly store: Store;
  readonly kinds: KindRegistry;
  private readonly clock: () => number;
  /** Stored objects as a kind's version shows them; a new schema is a new Kind, which decodes anew. */
  private readonly shown = new WeakMap<Kind, WeakMap<KubeObject, KubeObject>>();

  constructor(of: { store: Store; kinds: KindRegistry; clock: () => number }) {
    this.store = of.store;
    this.kinds = of.kinds;
    this.clock = of.clock;
  }

  now(): string {
    return new Date(this.clock()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  /** @throws {StatusError} 404 */
  get(target: Target): KubeObject {
    return this.show(target.kind, this.stored(target));
  }

  /** A stored object in a version: its apiVersion, and defaults that came after it was written. */
  show(kind: Kind, stored: KubeObject): KubeObject {
    let cache = this.shown.get(kind);
    if (cache === undefined) this.shown.set(kind, (cache = new WeakMap()));
    let shown = cache.get(stored);
    if (shown === undefined) {
      const copy = {
        ...(clone(kind.fromStored?.(stored) ?? stored) as KubeObject),
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
      };
      applyDefaults(copy, kind.schema);
      shown = jsonEqual(copy, stored) ? stored : copy;
      cache.set(stored, shown);
    }
    return shown;
  }

  /** @throws {StatusError} 400, 403, 404 (namespace), 409 AlreadyExists, 422 */
  create(kind: Kind, of: { namespace: string | undefined; body: unknown; options: WriteOptions }): KubeObject {
    const { options, namespace } = of;
    const next = decode(kind, of.body, options);
    const meta = next.metadata;
    this.place(kind, next, namespace);
    if (meta.resourceVersion !== undefined && meta.resourceVersion !== '') {
      throw new StatusError({
        code: 500,
        reason: '',
        message: 'resourceVersion should not be set on objects to be created',
      });
    }
    meta.name ??= '';
    if (meta.name === '' && meta.generateName !== undefined) {
      meta.name = meta.generateName.slice(0, 58) + randomBytes(4).toString('hex').slice(0, 5);
    }
    const { managedFields: _, ...asked } = meta;
    next.metadata = this.fresh(asked);
    if (kind.status) delete next['status'];
    if (kind.generation) next.metadata.generation = 1;
    kind.prepare?.(next, undefined);
    applyDefaults(next, kind.schema);
    this.setManagers(kind, { live: undefined, next, subresource: '', options });
    kind.finish?.(next, undefined);
    return this.insert(kind, next, options);
  }

  /** @throws {StatusError} 400, 404, 409 Conflict, 422 */
  update(target: Target, body: unknown, options: WriteOptions): KubeObject {
    const { kind } = target;
    const next = decode(kind, body, options);
    const live = this.show(kind, this.stored(target));
    this.address(target, next);
    if (!next.metadata.resourceVersion && !kind.unconditionalUpdate) {
      throw invalid(this.resourceName(kind, target.name), [
        {
          field: 'metadata.resourceVersion',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be specified for an update',
        },
      ]);
    }
    return this.replace(target, live, { next, options, by: 'put' });
  }

  /** @throws {StatusError} 400, 404, 409, 415, 422 */
  patch(
    target: Target,
    patch: { type: PatchType; body: unknown },
    options: WriteOptions,
  ): { object: KubeObject; created: boolean } {
    const { kind } = target;
    if (patch.type === 'apply') return this.apply(target, patch.body, options);
    const live = this.show(kind, this.stored(target));
    const patched = this.patched(kind, live, patch);
    const next = decode(kind, patched, { ...options, source: 'patch' });
    this.address(target, next);
    return { object: this.replace(target, live, { next, options, by: 'patch' }), created: false };
  }

  /** Deletes, or marks as being deleted while finalizers remain. */
  delete(target: Target, options: DeleteOptions): { object: KubeObject; gone: boolean } {
    const { kind, name } = target;
    const stored = this.stored(target);
    const meta = stored.metadata;
    const qualified = kind.custom ? this.kindName(kind, name) : this.resourceName(kind, name);
    const mismatch = (what: string, given: string, kept: string | undefined): string =>
      `the ${what} in the precondition (${given}) does not match the ${what} in record (${kept})`;
    if (options.uid !== undefined && options.uid !== meta.uid) {
      const why = mismatch('UID', options.uid, meta.uid);
      throw conflict(qualified, `${why}. The object might have been deleted and then recreated`);
    }
    if (options.resourceVersion !== undefined && options.resourceVersion !== meta.resourceVersion) {
      const why = mismatch('ResourceVersion', options.resourceVersion, meta.resourceVersion);
      throw conflict(qualified, `${why}. The object might have been modified`);
    }
    const finalizers = new Set(meta.finalizers ?? []);
    if (options.propagation === 'Orphan') finalizers.add(orphanFinalizer).delete(foregroundFinalizer);
    else if (options.propagation === 'Foreground') finalizers.add(foregroundFinalizer).delete(orphanFinalizer);
    else for (const own of [orphanFinalizer, foregroundFinalizer]) finalizers.delete(own);
    const terminating =
      kind.bucket === '/namespaces' || kind.bucket === 'apiextensions.k8s.io/customresourcedefinitions';
    if (finalizers.size === 0 && !terminating) {
      if (options.dryRun) return { object: this.show(kind, stored), gone: true };
      return {
        object: this.show(kind, this.store.remove(kind.bucket, storeKey(target.namespace, name), stored)),
        gone: true,
      };
    }
    const next: KubeObject = {
      ...stored,
      metadata: {
        ...meta,
        ...(finalizers.size === 0 ? {} : { finalizers: [...finalizers] }),
        deletionTimestamp: meta.deletionTimestamp ?? this.now(),
        ...(terminating ? {} : { deletionGracePeriodSeconds: meta.deletionGracePeriodSeconds ?? 0 }),
        ...(terminating || meta.generation === undefined || meta.deletionTimestamp !== undefined
          ? {}
          : { generation: meta.generation + 1 }),
      },
    };
    if (kind.bucket === '/namespaces') next['status'] = { ...(stored['status'] as object), phase: 'Terminating' };
    if (options.dryRun || sameContent(next, stored)) return { object: this.show(kind, next), gone: false };
    return {
      object: this.show(kind, this.store.put(kind.bucket, storeKey(target.namespace, name), next)),
      gone: false,
    };
  }

  /** Writes server-owned state (a controller's own), past validation and ownership; without finalizers left it removes. */
  writeInternal(kind: Kind, next: KubeObject): void {
    this.commit(kind, next, this.store.get(kind.bucket, storeKey(next.metadata.namespace, next.metadata.name)));
  }

  resourceName(kind: Kind, name: string): ResourceName {
    return { group: kind.group, resource: kind.plural, name };
  }

  private kindName(kind: Kind, name: string): ResourceName {
    return { group: kind.group, resource: kind.kind, name };
  }

  private stored({ kind, namespace, name }: Target): KubeObject {
    const stored = this.store.get(kind.bucket, storeKey(namespace, name));
    if (stored === undefined) throw notFound(this.resourceName(kind, name));
    return stored;
  }

  /** Puts an object into the namespace of its URL, which must exist and not be going away. */
  private place(kind: Kind, next: KubeObject, namespace: string | undefined): void {
    if (!kind.namespaced) {
      delete next.metadata.namespace;
      return;
    }
    const given = next.metadata.namespace;
    if (given !== undefined && given !== '' && given !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    if (namespace === undefined) throw badRequest('an object of a namespaced kind needs a namespace in the path');
    next.metadata.namespace = namespace;
    const home = this.store.get('/namespaces', namespace);
    if (home === undefined) throw notFound({ group: '', resource: 'namespaces', name: namespace });
    if (home.metadata.deletionTimestamp !== undefined) {
      const error = forbidden(
        this.resourceName(kind, next.metadata.name ?? ''),
        `unable to create new content in namespace ${namespace} because it is being terminated`,
      );
      const cause = {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      };
      throw new StatusError({
        code: 403,
        reason: 'Forbidden',
        message: error.message,
        details: { ...error.details, causes: [cause] },
      });
    }
  }

  /** Checks that a body is about the object its URL names. */
  private address(target: Target, next: KubeObject): void {
    const meta = next.metadata;
    if (meta.name !== undefined && meta.name !== '' && meta.name !== target.name) {
      throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${target.name})`);
    }
    if (
      target.kind.namespaced &&
      meta.namespace !== undefined &&
      meta.namespace !== '' &&
      meta.namespace !== target.namespace
    ) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    meta.name = target.name;
    if (target.namespace === undefined) delete meta.namespace;
    else meta.namespace = target.namespace;
  }

  private fresh(asked: ObjectMeta): ObjectMeta {
    const {
      resourceVersion: _v,
      deletionTimestamp: _t,
      deletionGracePeriodSeconds: _g,
      generation: _n,
      ...kept
    } = asked;
    return { ...kept, uid: randomUUID(), creationTimestamp: this.now() };
  }

  private insert(kind: Kind, next: KubeObject, options: WriteOptions): KubeObject {
    this.check(kind, next, undefined);
    const key = storeKey(next.metadata.namespace, next.metadata.name);
    if (this.store.get(kind.bucket, key) !== undefined)
      throw alreadyExists(this.resourceName(kind, next.metadata.name));
    if (options.dryRun) return next;
    return this.show(kind, this.store.put(kind.bucket, key, kind.toStored?.(next) ?? next));
  }

  private patched(kind: Kind, live: KubeObject, patch: { type: PatchType; body: unknown }): unknown {
    const { body } = patch;
    if (patch.type === 'json') {
      if (!Array.isArray(body)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
      return applyJsonPatch(asJson(live), body as JsonPatchOperation[]);
    }
    if (!isObject(body)) throw badRequest('error decoding patch: a patch is a JSON object');
    if (patch.type === 'merge') return mergePatch(asJson(live), body);
    return strategicMergePatch(asJson(live), body, kind.schema);
  }

  private apply(target: Target, body: unknown, options: WriteOptions): { object: KubeObject; created: boolean } {
    const { kind } = target;
    if (!isObject(body)) throw badRequest('an applied configuration is an object');
    const config = this.configuration(target, body, options);
    const stored = this.store.get(kind.bucket, storeKey(target.namespace, target.name));
    const writer = this.writer(kind, { operation: 'Apply', subresource: target.subresource, options });
    if (stored === undefined) {
      if (target.subresource !== '') throw notFound(this.resourceName(kind, target.name));
      if (config.metadata.uid !== undefined) {
        throw conflict(
          this.resourceName(kind, target.name),
          `uid mismatch: the provided object specified uid ${config.metadata.uid}, and no existing object was found`,
        );
      }
      const { status: _, ...withoutStatus } = config;
      const applied = applyConfig(undefined, (kind.status ? withoutStatus : config) as KubeObject, {
        writer,
        force: options.force,
      });
      this.place(kind, applied, target.namespace);
      const next: KubeObject = { ...applied, metadata: { ...this.fresh(applied.metadata) } };
      if (kind.generation) next.metadata.generation = 1;
      applyDefaults(next, kind.schema);
      kind.prepare?.(next, undefined);
      kind.finish?.(next, undefined);
      return { object: this.insert(kind, next, options), created: true };
    }
    const live = this.show(kind, stored);
    const given = config.metadata.resourceVersion;
    if (given !== undefined && given !== '' && given !== live.metadata.resourceVersion)
      throw staleVersion(this.resourceName(kind, target.name));
    const next = applyConfig(live, config, { writer, force: options.force });
    applyDefaults(next, kind.schema);
    return { object: this.replace(target, live, { next, options, by: 'apply' }), created: false };
  }

  /** An applied configuration as sent: checked against the schema, but without defaults, which nobody owns. */
  private configuration(target: Target, body: JsonObject, options: WriteOptions): KubeObject {
    const { kind } = target;
    const [apiVersion, kindName] = [body['apiVersion'], body['kind']];
    if (typeof apiVersion !== 'string' || typeof kindName !== 'string') {
      throw badRequest('invalid object type: /, Kind=' + (typeof kindName === 'string' ? kindName : ''));
    }
    const misfit = typedMisfit(body, kind);
    if (misfit !== undefined) {
      const metadata = isObject(body['metadata']) ? body['metadata'] : {};
      const place = `${String(metadata['namespace'] ?? '')}/${String(metadata['name'] ?? '')}; ${apiVersion}, Kind=${kindName}`;
      const message = `failed to create typed patch object (${place}): ${misfit}`;
      throw new StatusError({ code: 500, reason: '', message });
    }
    const config = decode({ ...kind, schema: withoutDefaults(kind) }, body, options);
    if (config.metadata.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
    this.address(target, config);
    return config;
  }

  private writer(
    kind: Kind,
    of: { operation: Writer['operation']; subresource: string; options: WriteOptions },
  ): Writer {
    const topLevel = Object.keys(kind.schema.properties ?? {});
    const ignored =
      of.subresource === 'status' ? topLevel.filter((f) => f !== 'status') : kind.status ? ['status'] : [];
    return {
      manager: of.options.fieldManager,
      operation: of.operation,
      apiVersion: apiVersionOf(kind),
      subresource: of.subresource,
      now: this.now(),
      ignored,
      schema: kind.schema,
    };
  }

  private setManagers(
    kind: Kind,
    of: { live: KubeObject | undefined; next: KubeObject; subresource: string; options: WriteOptions },
  ): void {
    const writer = this.writer(kind, { operation: 'Update', subresource: of.subresource, options: of.options });
    const managedFields = afterUpdate(of.live, of.next, writer);
    if (managedFields === undefined || managedFields.length === 0) delete of.next.metadata.managedFields;
    else of.next.metadata.managedFields = managedFields;
  }

  /** The one path of every change of an existing object. */
  private replace(
    target: Target,
    live: KubeObject,
    of: { next: KubeObject; options: WriteOptions; by: 'put' | 'patch' | 'apply' },
  ): KubeObject {
    const { kind, subresource } = target;
    const { options, by } = of;
    const given = of.next.metadata;
    const qualified = this.resourceName(kind, target.name);
    if (given.uid !== undefined && given.uid !== '' && given.uid !== live.metadata.uid) {
      if (by === 'put') {
        throw conflict(
          qualified,
          `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${live.metadata.uid}`,
        );
      }
      const message = `Invalid value: ${JSON.stringify(given.uid)}: field is immutable`;
      throw invalid(this.kindName(kind, target.name), [
        { field: 'metadata.uid', reason: 'FieldValueInvalid', message },
      ]);
    }
    if (given.resourceVersion && given.resourceVersion !== live.metadata.resourceVersion) throw staleVersion(qualified);
    const next = this.reset(kind, subresource, { live, next: of.next });
    if (subresource === '') kind.prepare?.(next, live);
    if (by !== 'apply') this.setManagers(kind, { live, next, subresource, options });
    if (subresource === '') kind.finish?.(next, live);
    if (kind.generation && !jsonEqual(desired(kind, next), desired(kind, live))) {
      next.metadata.generation = (live.metadata.generation ?? 0) + 1;
    }
    if (sameContent(next, live)) return live;
    this.check(kind, next, live);
    if (options.dryRun) return next;
    return this.commit(kind, next, live);
  }

  /** What an endpoint may not change is taken from the live object. */
  private reset(kind: Kind, subresource: string, of: { live: KubeObject; next: KubeObject }): KubeObject {
    const { live, next } = of;
    const { managedFields } = next.metadata;
    const ownership = managedFields === undefined ? {} : { managedFields };
    if (subresource === 'status') {
      const { managedFields: _, ...metadata } = live.metadata;
      const { status: __, ...rest } = live;
      const status = next['status'];
      return clone({ ...rest, metadata: { ...metadata, ...ownership }, ...(status === undefined ? {} : { status }) });
    }
    const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, resourceVersion } =
      live.metadata;
    const metadata: ObjectMeta = { ...next.metadata };
    const owned = {
      uid,
      creationTimestamp,
      deletionTimestamp,
      deletionGracePeriodSeconds,
      generation,
      resourceVersion,
    };
    for (const [key, value] of Object.entries(owned)) {
      if (value === undefined) delete (metadata as unknown as JsonObject)[key];
      else (metadata as unknown as JsonObject)[key] = value as Json;
    }
    const out: KubeObject = { ...next, metadata };
    if (kind.status) {
      if (live['status'] === undefined) delete out['status'];
      else out['status'] = live['status'];
    }
    return clone(out);
  }

  private commit(kind: Kind, next: KubeObject, live: KubeObject | undefined): KubeObject {
    const key = storeKey(next.metadata.namespace, next.metadata.name);
    const stored = kind.toStored?.(next) ?? next;
    const done = next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    const waits =
      kind.bucket === '/namespaces' && (next['spec'] as JsonObject | undefined)?.['finalizers'] !== undefined;
    if (done && !waits && live !== undefined) return this.show(kind, this.store.remove(kind.bucket, key, stored));
    return this.show(kind, this.store.put(kind.bucket, key, stored));
  }

  private check(kind: Kind, next: KubeObject, old: KubeObject | undefined): void {
    const errors: FieldError[] = [...checkMetadata(kind, next, old)];
    if (kind.custom) {
      const found = validate(next, kind.schema);
      errors.push(...(old === undefined ? found : ratchet(found, { old, new: next, schema: kind.schema })));
      errors.push(...validateListTypes(asJson(next), kind.schema));
      if (kind.rules !== undefined) {
        if (errors.some((error) => blocking.has(error.reason))) errors.push(rulesSkipped);
        else errors.push(...kind.rules.check(next, old));
      }
    } else {
      errors.push(...validate(next, kind.schema), ...validateListTypes(asJson(next), kind.schema));
    }
    if (errors.length === 0) errors.push(...(kind.check?.(next, old) ?? []));
    if (errors.length > 0) throw invalid(this.kindName(kind, next.metadata.name), errors);
  }
}

const blocking = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const rulesSkipped: FieldError = {
  field: '<nil>',
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** What generation counts: all but metadata, and but status where that has an endpoint of its own. */
function desired(kind: Kind, object: KubeObject): JsonObject {
  const { metadata: _m, status, ...rest } = asJson(object);
  return kind.status || status === undefined ? rest : { ...rest, status };
}

const undefaulted = new WeakMap<Kind, Kind['schema']>();

function withoutDefaults(kind: Kind): Kind['schema'] {
  let schema = undefaulted.get(kind);
  if (schema === undefined) {
    schema = clone(kind.schema);
    stripDefaults(schema);
    undefaulted.set(kind, schema);
  }
  return schema;
}

function stripDefaults(schema: Kind['schema']): void {
  delete schema.default;
  for (const property of Object.values(schema.properties ?? {})) stripDefaults(property);
  if (typeof schema.additionalProperties === 'object') stripDefaults(schema.additionalProperties);
  if (schema.items !== undefined) stripDefaults(schema.items);
}
