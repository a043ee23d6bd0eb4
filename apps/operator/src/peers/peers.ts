import type { Store } from '@tsgateway/kube';
import type { CheckerSet } from '@tsgateway/model';
import type { EndpointSlice } from '../resources.ts';

/** The replicas of another service, each host:port; `epoch` grows with each change of the set. */
export interface Peers {
  readonly set: CheckerSet;
  /** Returns what unsubscribes. */
  onChange(listener: () => void): () => void;
}

/** A set that was configured: the same for the life of the process, and for all replicas. */
export const fixedPeers = (addresses: readonly string[]): Peers => ({
  set: { epoch: 1, addresses },
  onChange: () => () => undefined,
});

export const SERVICE_NAME = 'kubernetes.io/service-name';

/** The ready Pods of a Service in the operator's namespace, at this port of theirs, as its EndpointSlices say. */
export function peersOfService(options: {
  readonly store: Pick<Store<EndpointSlice>, 'list' | 'subscribe'>;
  readonly service: string;
  readonly port: number;
}): Peers {
  const { store, service, port } = options;
  const isOf = (slice: EndpointSlice): boolean => slice.metadata.labels?.[SERVICE_NAME] === service;
  const listeners = new Set<() => void>();
  let set: CheckerSet = { epoch: 1, addresses: [] };
  const look = (slice: EndpointSlice): void => {
    if (!isOf(slice)) return;
    const next = peerSet(store.list().filter(isOf), { port, before: set });
    if (next === set) return;
    set = next;
    for (const listener of listeners) listener();
  };
  store.subscribe({ add: look, update: look, delete: look });
  return {
    get set() {
      return set;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/** The set that these slices make; `before` itself where its addresses are the same. */
export function peerSet(slices: readonly EndpointSlice[], options: { port: number; before: CheckerSet }): CheckerSet {
  const { port, before } = options;
  const ready = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    // Unset is unknown, which the API asks to take for ready.
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses ?? []);
  const addresses = [...new Set(ready)].map((a) => (a.includes(':') ? `[${a}]:${port}` : `${a}:${port}`)).sort();
  if (addresses.join() === before.addresses.join()) return before;
  // Versions, so that replicas agree on what is newer, also about sets that only some of them have seen.
  const newest = Math.max(0, ...slices.map(({ metadata }) => Number(metadata.resourceVersion ?? 0)));
  return { epoch: Math.max(before.epoch + 1, newest), addresses };
}

/**
 * Calls `follow` for each address of a set that changes, until the signal aborts. The follower's signal aborts when its
 * address leaves, too. `first`: the address was there at the start.
 */
export function followPeers(options: {
  readonly peers: Peers;
  readonly follow: (address: string, about: { readonly first: boolean; readonly signal: AbortSignal }) => void;
  readonly signal: AbortSignal;
}): void {
  const { peers, follow, signal } = options;
  const followed = new Map<string, AbortController>();
  const look = (first: boolean): void => {
    const { addresses } = peers.set;
    for (const [address, stop] of followed) {
      if (addresses.includes(address)) continue;
      followed.delete(address);
      stop.abort();
    }
    for (const address of addresses) {
      if (followed.has(address)) continue;
      const stop = new AbortController();
      followed.set(address, stop);
      follow(address, { first, signal: stop.signal });
    }
  };
  const off = peers.onChange(() => {
    look(false);
  });
  signal.addEventListener(
    'abort',
    () => {
      off();
      for (const stop of followed.values()) stop.abort();
    },
    { once: true },
  );
  if (!signal.aborted) look(true);
}
