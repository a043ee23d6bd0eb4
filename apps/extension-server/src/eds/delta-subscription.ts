/** A ClusterLoadAssignment, encoded. */
export interface Assignment {
  /** Hash of the content: means the same on every replica. */
  readonly version: string;
  readonly body: Buffer;
}

/** What the subscriptions are answered from. */
export interface AssignmentSource {
  /** Undefined while nothing is known yet: the answer waits. An empty assignment for a name that nobody knows. */
  assignment(name: string): Assignment | undefined;
}

/** The parts of a DeltaDiscoveryRequest that matter here. */
export interface DeltaRequest {
  readonly resourceNamesSubscribe: readonly string[];
  readonly resourceNamesUnsubscribe: readonly string[];
  readonly initialResourceVersions: Readonly<Record<string, string>>;
  readonly responseNonce: string;
  readonly errorDetail?: { readonly message: string } | undefined;
}

export interface DeltaResponse {
  readonly nonce: string;
  readonly resources: readonly { readonly name: string; readonly assignment: Assignment }[];
}

/** Names in one response at most: bounds its size. */
const maxPerResponse = 1000;

/**
 * One Delta EDS stream: what its Envoy subscribed to, what it was told, and what it still has to be told.
 *
 * Delta xDS (https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds): a subscription is
 * always answered, also where the name was subscribed to before; a name whose version the client states at the start
 * of a stream is sent only if it differs.
 */
export class DeltaSubscription {
  readonly #source: AssignmentSource;
  /** Version last sent, by name; "" where nothing was sent yet. */
  readonly #sent = new Map<string, string>();
  /** Names to look at; they are sent even if the version is the one sent last where the value is true. */
  readonly #due = new Map<string, boolean>();
  #nonce = 0;

  constructor(source: AssignmentSource) {
    this.#source = source;
  }

  /** Names that this stream is subscribed to. */
  get names(): Iterable<string> {
    return this.#sent.keys();
  }

  has(name: string): boolean {
    return this.#sent.has(name);
  }

  /** Takes a request in. `rejected`: what the client said against a response of ours. */
  request(request: DeltaRequest): { readonly rejected?: string } {
    for (const [name, version] of Object.entries(request.initialResourceVersions)) {
      this.#sent.set(name, version);
      this.#due.set(name, false);
    }
    for (const name of request.resourceNamesSubscribe) {
      const stated = request.initialResourceVersions[name] !== undefined;
      if (!stated) this.#sent.set(name, this.#sent.get(name) ?? '');
      this.#due.set(name, !stated);
    }
    for (const name of request.resourceNamesUnsubscribe) {
      this.#sent.delete(name);
      this.#due.delete(name);
    }
    return request.responseNonce !== '' && request.errorDetail ? { rejected: request.errorDetail.message } : {};
  }

  /** The assignments of these names may have changed. */
  changed(names: Iterable<string>): void {
    for (const name of names) {
      if (this.#sent.has(name) && !this.#due.has(name)) this.#due.set(name, false);
    }
  }

  /** What to send now, always the newest; undefined: nothing. Names without an answer yet stay due. */
  next(): DeltaResponse | undefined {
    const resources: { name: string; assignment: Assignment }[] = [];
    for (const [name, forced] of this.#due) {
      if (resources.length === maxPerResponse) break;
      const assignment = this.#source.assignment(name);
      if (!assignment) continue;
      this.#due.delete(name);
      if (!forced && this.#sent.get(name) === assignment.version) continue;
      this.#sent.set(name, assignment.version);
      resources.push({ name, assignment });
    }
    if (resources.length === 0) return undefined;
    this.#nonce++;
    return { nonce: String(this.#nonce), resources };
  }
}
