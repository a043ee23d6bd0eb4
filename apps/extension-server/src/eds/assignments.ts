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
  readonly #made = new Map<string, { readonly service: string; readonly assignment: Assignment; stale: boolean }>();

  constructor(state: MeshState, resolver: Addresses) {
    this.#state = state;
    this.#resolver = resolver;
  }

  assignment(name: string): Assignment | undefined {
    const { model } = this.#state;
    if (!model) return undefined;
    const key = keyOf(name);
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
    this.#made.set(name, { service: key, assignment, stale: false });
    return assignment;
  }

  /** What was made of these services is to be made again. */
  changed(services: ReadonlySet<string>): void {
    for (const made of this.#made.values()) if (services.has(made.service)) made.stale = true;
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
