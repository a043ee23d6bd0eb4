import { describe, expect, it } from '@jest/globals';
import { Store } from '@tsgateway/kube';
import type { EndpointSlice } from '../resources.ts';
import { quietLogger } from '../testing/objects.ts';
import { followPeers, peersOfService } from './peers.ts';

let version = 100;
const slice = (name: string, endpoints: EndpointSlice['endpoints'], service = 'checker'): EndpointSlice => ({
  metadata: {
    ...{ name, namespace: 'ns', uid: name, resourceVersion: String((version += 1)) },
    labels: { 'kubernetes.io/service-name': service },
  },
  endpoints,
});
const ready = (address: string, is: boolean | null = true) => ({ addresses: [address], conditions: { ready: is } });

function start() {
  const store = new Store<EndpointSlice>({ log: quietLogger() });
  const peers = peersOfService({ store, service: 'checker', port: 5030 });
  return { store, peers };
}

describe('peersOfService', () => {
  it('has the ready Pods of all slices of the Service, and an epoch that grows with each change of the set', () => {
    const { store, peers } = start();
    store.put(slice('a', [ready('10.0.0.2'), ready('10.0.0.3', false), ready('10.0.0.4', null)]));
    store.put(slice('b', [ready('fd00::1'), ready('10.0.0.2')]));
    store.put(slice('other', [ready('10.9.9.9')], 'another'));
    expect(peers.set.addresses).toEqual(['10.0.0.2:5030', '10.0.0.4:5030', '[fd00::1]:5030']);
    const { epoch } = peers.set;
    const gone = slice('b', []);
    store.remove(gone);
    expect(peers.set.addresses).toEqual(['10.0.0.2:5030', '10.0.0.4:5030']);
    expect(peers.set.epoch).toBeGreaterThan(epoch);
  });

  it('is the same set where a slice changes and its ready Pods do not', () => {
    const { store, peers } = start();
    store.put(slice('a', [ready('10.0.0.2')]));
    const { set } = peers;
    let told = 0;
    peers.onChange(() => (told += 1));
    store.put(slice('a', [ready('10.0.0.2'), ready('10.0.0.9', false)]));
    expect([peers.set, told]).toEqual([set, 0]);
  });
});

describe('followPeers', () => {
  it('follows those that come, leaves those that go, and all at the end', () => {
    const { store, peers } = start();
    store.put(slice('a', [ready('10.0.0.2')]));
    const told: string[] = [];
    const end = new AbortController();
    followPeers({
      peers,
      signal: end.signal,
      follow: (address, { first, signal }) => {
        told.push(`${first ? 'first' : 'later'} ${address}`);
        signal.addEventListener('abort', () => told.push(`left ${address}`));
      },
    });
    store.put(slice('a', [ready('10.0.0.3')]));
    end.abort();
    store.put(slice('a', [ready('10.0.0.4')]));
    expect(told).toEqual(['first 10.0.0.2:5030', 'left 10.0.0.2:5030', 'later 10.0.0.3:5030', 'left 10.0.0.3:5030']);
  });
});
