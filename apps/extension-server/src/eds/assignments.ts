import { machinesOf, type MeshService, serviceKey } from '@tsgateway/model';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { emptyAssignment, hash16, loadAssignment, parseServiceClusterName } from '@tsgateway/xds';
import type { MeshState } from '../mesh/mesh-state.ts';
import type { Assignment, AssignmentSource } from './delta-subscription.ts';

/** How the addresses of DNS names are known. */
export interface Addresses {
  /** Undefined: the first lookup is not over. */
  addresses(host: string): readonly string[] | undefined;
}

/**
 * Assignments by the names that our clusters have in Envoy, made from the plans when they are asked for and kept until
 * their service changes.
 */
export class Assignments implements AssignmentSource {
  readonly #state: MeshState;
  readonly #resolver: Addresses;
  readonly #made = new Map<string, { readonly assignment: Assignment; stale: boolean }>();
  /** Names that were asked for, by their service, which need not exist. */
  readonly #namesOf = new Map<string, Set<string>>();

  constructor(state: MeshState, resolver: Addresses) {
    this.#state = state;
    this.#resolver = resolver;
  }

  assignment(name: string): Assignment | undefined {
    const { model } = this.#state;
    const key = keyOf(name);
    if (key !== undefined) this.#namesOf.set(key, (this.#namesOf.get(key) ?? new Set()).add(name));
    if (!model) return undefined;
    const service = key === undefined ? undefined : model.services.get(key);
    const plan = key === undefined ? undefined : this.#state.planOf(key);
    if (key === undefined || !service || !plan) {
      this.#made.delete(name);
      return encode(emptyAssignment(name));
    }
    const made = this.#made.get(name);
    if (made && !made.stale) return made.assignment;
    const { addresses, pending } = this.#addressesOf(service);
    const message = loadAssignment({ clusterName: name, service, plan, addresses });
    // Nobody is left but names in their first lookup: what was there before stays, or Envoy waits a moment longer.
    if (pending && message.endpoints.length === 0) return made?.assignment;
    const assignment = encode(message);
    this.#made.set(name, { assignment, stale: false });
    return assignment;
  }

  /** What was made of these services is to be made again; the names under which they were asked for. */
  changed(services: ReadonlySet<string>): string[] {
    const names = [...services].flatMap((key) => [...(this.#namesOf.get(key) ?? [])]);
    for (const name of names) {
      const made = this.#made.get(name);
      if (made) made.stale = true;
    }
    return names;
  }

  /** Nobody asks for this name any more. */
  release(name: string): void {
    this.#made.delete(name);
    const key = keyOf(name);
    if (key === undefined) return;
    const names = this.#namesOf.get(key);
    names?.delete(name);
    if (names?.size === 0) this.#namesOf.delete(key);
  }

  #addressesOf(service: MeshService): { addresses: Map<string, readonly string[]>; pending: boolean } {
    const known = machinesOf(service).map(({ host }) => [host, this.#resolver.addresses(host)] as const);
    return {
      addresses: new Map(known.flatMap(([host, found]) => (found ? [[host, found] as const] : []))),
      pending: known.some(([, found]) => found === undefined),
    };
  }
}

function encode(message: ClusterLoadAssignment): Assignment {
  const body = Buffer.from(ClusterLoadAssignment.encode(message).finish());
  return { version: hash16(body), body };
}

/** The service that a cluster of ours stands for; undefined: the name is none of ours. */
export function keyOf(clusterName: string): string | undefined {
  const parsed = parseServiceClusterName(clusterName);
  return parsed && serviceKey(parsed);
}
