import { isIP } from 'node:net';
import { machinesOf, serviceKey } from '@tsgateway/model';
import { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import { emptyAssignment, hash16, loadAssignment, parseServiceClusterName } from '@tsgateway/xds';
import type { MeshState } from '../mesh/mesh-state.ts';
import type { Assignment, AssignmentSource } from './delta-subscription.ts';

/** How the addresses of DNS names are known. */
export interface Addresses {
  addresses(host: string): readonly string[];
}

/**
 * Assignments by the names that our clusters have in Envoy, made from the plans when they are asked for and kept until
 * their service changes.
 */
export class Assignments implements AssignmentSource {
  readonly #state: MeshState;
  readonly #resolver: Addresses;
  readonly #made = new Map<string, { readonly service: string; readonly assignment: Assignment }>();

  constructor(state: MeshState, resolver: Addresses) {
    this.#state = state;
    this.#resolver = resolver;
  }

  assignment(name: string): Assignment | undefined {
    const { model } = this.#state;
    if (!model) return undefined;
    const made = this.#made.get(name);
    if (made) return made.assignment;
    const key = keyOf(name);
    const assignment = this.#encode(name, key);
    if (key !== undefined && model.services.has(key)) this.#made.set(name, { service: key, assignment });
    return assignment;
  }

  /** Forgets what was made of these services. */
  changed(services: ReadonlySet<string>): void {
    for (const [name, { service }] of this.#made) if (services.has(service)) this.#made.delete(name);
  }

  #encode(name: string, key: string | undefined): Assignment {
    const service = key === undefined ? undefined : this.#state.model?.services.get(key);
    const plan = key === undefined ? undefined : this.#state.planOf(key);
    const hosts = service ? machinesOf(service).map((m) => m.host) : [];
    const addresses = new Map(hosts.filter((h) => isIP(h) === 0).map((h) => [h, this.#resolver.addresses(h)]));
    const message =
      service && plan ? loadAssignment({ clusterName: name, service, plan, addresses }) : emptyAssignment(name);
    const body = Buffer.from(ClusterLoadAssignment.encode(message).finish());
    return { version: hash16(body), body };
  }
}

/** The service that a cluster of ours stands for; undefined: the name is none of ours. */
export function keyOf(clusterName: string): string | undefined {
  const parsed = parseServiceClusterName(clusterName);
  return parsed && serviceKey(parsed);
}
