/** How a service spreads requests (TailscaleServices `spec.loadBalancing.strategy`). */
export type Strategy = 'round-robin' | 'least-connections' | 'weighted' | 'failover';

export type Protocol = 'HTTP' | 'HTTPS' | 'TCP' | 'UDP';

/** Kinds that an HTTPRoute may name as a backend. */
export type BackendKind = 'TailscaleServices' | 'TailscaleEndpoints';

/** 0 = primary, 1 = secondary, 2 = named in no tier, so after the secondaries. */
export type Tier = 0 | 1 | 2;

/** Everything that the data plane needs to know. Plain data: no Kubernetes types, no clock, no functions. */
export interface MeshModel {
  /** The highest Kubernetes resourceVersion that went into it. */
  readonly revision: bigint;
  /** By `serviceKey`. */
  readonly services: ReadonlyMap<string, MeshService>;
  /** By `routeKey`. */
  readonly routes: ReadonlyMap<string, MeshRoute>;
  readonly checkers: CheckerSet;
}

/** A TailscaleServices, or a TailscaleEndpoints used as a backend by itself (one group, round-robin). */
export interface MeshService {
  readonly kind: BackendKind;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly strategy: Strategy;
  readonly failbackDelayMs: number;
  /** What the object's status said last; undefined: nothing yet. Used only before there is a history. */
  readonly failoverSeed?: FailoverSeed | undefined;
  /** Sorted by name. */
  readonly groups: readonly MeshGroup[];
}

export interface FailoverSeed {
  readonly activeTier: 'primary' | 'secondary';
}

/** The backends of one TailscaleEndpoints, or one external or discovered service. */
export interface MeshGroup {
  readonly name: string;
  readonly source: 'endpoints' | 'external' | 'vip-service';
  /** Its share in the strategy `weighted`: 1 unless configured, 0 = no traffic. */
  readonly weight: number;
  readonly tier: Tier;
  /** Sorted by id. */
  readonly machines: readonly Machine[];
}

/** One dialable address. */
export interface Machine {
  /** Unique in its service: `<group>/<endpoint name>`. */
  readonly id: string;
  /** IP address or DNS name. */
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Its share inside its group, 1-100. */
  readonly weight: number;
  /** For SNI and the Host header of probes; undefined: none. */
  readonly hostname?: string | undefined;
  /** Undefined: not probed, always taken for healthy. */
  readonly probe?: Probe | undefined;
}

/** How a machine is probed. The protocol is the machine's own. */
export interface Probe {
  /** HTTP and HTTPS only. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Successive successes that make an unhealthy target healthy. */
  readonly healthyThreshold: number;
  /** Successive failures that make a healthy target unhealthy. */
  readonly unhealthyThreshold: number;
}

/** The rules of a route; only those backendRefs that are of our kinds, or stand in a rule beside one. */
export interface MeshRoute {
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly rules: readonly RouteRule[];
}

export interface RouteRule {
  readonly backendRefs: readonly BackendRef[];
  /** Its place among all rules of the route, from 0, also those that are not here. Undefined: the sender is an older one. */
  readonly index?: number | undefined;
  /** Undefined: it has none. */
  readonly name?: string | undefined;
  /** Of a GRPCRoute: a request is the rule's where one of them matches. Undefined: all requests are. */
  readonly grpcMatches?: readonly GrpcMatch[] | undefined;
}

/** A request matches where all that is set matches. */
export interface GrpcMatch {
  /** Undefined: any. */
  readonly service?: string | undefined;
  /** Undefined: any. */
  readonly method?: string | undefined;
  /** Of service and method. */
  readonly type: MatchType;
  readonly headers: readonly HeaderMatch[];
}

export interface HeaderMatch {
  readonly name: string;
  readonly value: string;
  readonly type: MatchType;
}

export type MatchType = 'Exact' | 'RegularExpression';

export interface BackendRef {
  /** "" for core. */
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  /** 1 where the route says nothing. */
  readonly weight: number;
}

/** The ready health checkers, which share the targets among them. */
export interface CheckerSet {
  /** Grows with each change of the set. */
  readonly epoch: number;
  /** `host:port`, sorted. */
  readonly addresses: readonly string[];
}

/** Health of one probe target, as its checker reports it. */
export interface TargetHealth {
  readonly healthy: boolean;
  /** Unix ms of the first observation. What was before is not known. */
  readonly observedSinceMs: number;
  /** Oldest first. The first observation is no transition. */
  readonly transitions: readonly Transition[];
}

export interface Transition {
  readonly atMs: number;
  readonly healthy: boolean;
}

/** Health by `targetId`; a missing target has never been observed. */
export type HealthView = ReadonlyMap<string, TargetHealth>;

export const emptyModel: MeshModel = {
  revision: 0n,
  services: new Map(),
  routes: new Map(),
  checkers: { epoch: 0, addresses: [] },
};
