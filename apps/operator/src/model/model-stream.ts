import { encodeCheckers, encodeRoute, encodeService, snapshotOf, type MeshModel } from '@tsgateway/model';
import type { ModelUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/model';
import { LatestPerKey, type MessageSink } from '@tsgateway/rpc';

/**
 * One reader of the model: a snapshot first, then what changed. Only keys wait, never values: however slow the reader,
 * it gets the newest value of each key that changed since its last message, in one message.
 */
export class ModelStream {
  readonly #model: () => MeshModel;
  readonly #latest: LatestPerKey<undefined, ModelUpdate>;
  #sent: bigint;

  /** Sends the snapshot. `model` gives the model as it is at the moment of asking. */
  constructor(model: () => MeshModel, stream: MessageSink<ModelUpdate>) {
    this.#model = model;
    this.#latest = new LatestPerKey({ stream, toMessage: (keys) => this.#update([...keys.keys()]) });
    const snapshot = snapshotOf(model());
    this.#sent = snapshot.revision;
    this.#latest.send(snapshot);
  }

  /** Keys of services and routes that were set or removed. */
  changed(keys: { readonly services: Iterable<string>; readonly routes: Iterable<string> }): void {
    for (const key of keys.services) this.#latest.set(`${SERVICE}${key}`, undefined);
    for (const key of keys.routes) this.#latest.set(`${ROUTE}${key}`, undefined);
  }

  /** The set of checkers is another. */
  checkersChanged(): void {
    this.#latest.set(CHECKERS, undefined);
  }

  /** Tells how far the model is, where nothing else is to be told: a reader may be waiting for a revision. */
  tellRevision(): void {
    if (this.#model().revision > this.#sent) this.#latest.set(REVISION, undefined);
  }

  #update(keys: readonly string[]): ModelUpdate {
    const { revision, services, routes, checkers } = this.#model();
    this.#sent = revision;
    const of = (prefix: string): string[] =>
      keys
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length))
        .sort();
    const [changedServices, changedRoutes] = [of(SERVICE), of(ROUTE)];
    return {
      revision,
      snapshot: false,
      services: changedServices.flatMap((key) => services.get(key) ?? []).map(encodeService),
      routes: changedRoutes.flatMap((key) => routes.get(key) ?? []).map(encodeRoute),
      removedServices: changedServices.filter((key) => !services.has(key)),
      removedRoutes: changedRoutes.filter((key) => !routes.has(key)),
      checkers: keys.includes(CHECKERS) ? encodeCheckers(checkers) : undefined,
    };
  }
}

const CHECKERS = 'checkers';
const REVISION = 'revision';
const SERVICE = 'service ';
const ROUTE = 'route ';
