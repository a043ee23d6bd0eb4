import type { ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { decodeCheckers, decodeRoute, decodeService, encodeCheckers, encodeRoute, encodeService } from './codec.ts';
import { equal } from './equal.ts';
import { routeKey, serviceKey } from './keys.ts';
import { emptyModel, type MeshModel } from './model.ts';

/**
 * What the model is after an update. `stale`: the update is older than the model (its sender lags behind the one that
 * served before) and must be ignored; the connection should be tried elsewhere, or later.
 *
 * A resource that cannot be decoded keeps the form that it had, and `onRefused` is told why: one bad resource must not
 * cost the others.
 */
export function applyUpdate(
  model: MeshModel,
  update: ModelUpdate,
  onRefused: (key: string, error: unknown) => void = () => undefined,
): MeshModel | 'stale' {
  if (update.revision < model.revision) return 'stale';
  const base = update.snapshot ? emptyModel : model;
  const services = new Map(base.services);
  const routes = new Map(base.routes);
  for (const key of update.removedServices) services.delete(key);
  for (const key of update.removedRoutes) routes.delete(key);

  /** Keeps the object that it had where nothing changed, so that readers can compare by identity. */
  const put = <M, T>(
    message: M,
    slot: { key: string; decode: (m: M) => T; before: ReadonlyMap<string, T>; into: Map<string, T> },
  ) => {
    const old = slot.before.get(slot.key);
    try {
      const decoded = slot.decode(message);
      slot.into.set(slot.key, old !== undefined && equal(old, decoded) ? old : decoded);
    } catch (error) {
      if (old !== undefined) slot.into.set(slot.key, old);
      onRefused(slot.key, error);
    }
  };
  for (const message of update.services) {
    const key = `${message.kind}/${message.namespace}/${message.name}`;
    put(message, { key, decode: decodeService, before: model.services, into: services });
  }
  for (const message of update.routes) {
    const key = `${message.kind}/${message.namespace}/${message.name}`;
    put(message, { key, decode: decodeRoute, before: model.routes, into: routes });
  }
  return {
    revision: update.revision,
    services,
    routes,
    checkers: update.checkers ? decodeCheckers(update.checkers) : base.checkers,
  };
}

/** The smallest update that makes `before` into `after`: `applyUpdate(before, diffModels(before, after))` is `after`. */
export function diffModels(before: MeshModel, after: MeshModel): ModelUpdate {
  return {
    revision: after.revision,
    snapshot: false,
    services: changed(before.services, after.services).map(encodeService),
    routes: changed(before.routes, after.routes).map(encodeRoute),
    removedServices: removed(before.services, after.services),
    removedRoutes: removed(before.routes, after.routes),
    checkers: equal(before.checkers, after.checkers) ? undefined : encodeCheckers(after.checkers),
  };
}

/** The whole model, as the first message of a stream. */
export function snapshotOf(model: MeshModel): ModelUpdate {
  return {
    revision: model.revision,
    snapshot: true,
    services: [...model.services.values()].sort(by(serviceKey)).map(encodeService),
    routes: [...model.routes.values()].sort(by(routeKey)).map(encodeRoute),
    removedServices: [],
    removedRoutes: [],
    checkers: encodeCheckers(model.checkers),
  };
}

const changed = <T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): T[] =>
  [...after].filter(([key, value]) => !equal(before.get(key), value)).map(([, value]) => value);

const removed = (before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string[] =>
  [...before.keys()].filter((key) => !after.has(key)).sort();

const by =
  <T>(key: (value: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : 1;
