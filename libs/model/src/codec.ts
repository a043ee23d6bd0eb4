import type { TargetHealth as HealthMessage } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import type {
  CheckerSet as CheckerSetMessage,
  GrpcMatch as GrpcMatchMessage,
  Group as GroupMessage,
  Machine as MachineMessage,
  Probe as ProbeMessage,
  Route as RouteMessage,
  RouteRule as RouteRuleMessage,
  Service as ServiceMessage,
} from '@tsgateway/protos/tsgateway/v1alpha1/model';
import type {
  BackendKind,
  CheckerSet,
  FailoverSeed,
  GrpcMatch,
  Machine,
  MatchType,
  MeshGroup,
  MeshRoute,
  MeshService,
  Probe,
  Protocol,
  RouteRule,
  Strategy,
  TargetHealth,
  Tier,
} from './model.ts';

/** Thrown when a message cannot mean anything here; names the object, the field and the value. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

const backendKinds: readonly BackendKind[] = ['TailscaleServices', 'TailscaleEndpoints'];
const routeKinds: readonly MeshRoute['kind'][] = ['HTTPRoute', 'GRPCRoute'];
const strategies: readonly Strategy[] = ['round-robin', 'least-connections', 'weighted', 'failover'];
const protocols: readonly Protocol[] = ['HTTP', 'HTTPS', 'TCP', 'UDP'];
const sources: readonly MeshGroup['source'][] = ['endpoints', 'external', 'vip-service'];
const seeds: readonly FailoverSeed['activeTier'][] = ['primary', 'secondary'];
const tiers: readonly Tier[] = [0, 1, 2];
const matchTypes: readonly MatchType[] = ['Exact', 'RegularExpression'];

const known = <T>(allowed: readonly T[], value: unknown): T | undefined => allowed.find((a) => a === value);

function required<T>(allowed: readonly T[], value: unknown, field: string): T {
  const found = known(allowed, value);
  if (found !== undefined) return found;
  throw new DecodeError(`${field} is ${JSON.stringify(value)}; it must be one of ${allowed.join(', ')}`);
}

export function encodeService(service: MeshService): ServiceMessage {
  return {
    kind: service.kind,
    namespace: service.namespace,
    name: service.name,
    generation: BigInt(service.generation),
    strategy: service.strategy,
    failbackDelayMs: BigInt(service.failbackDelayMs),
    failoverSeed: service.failoverSeed && { activeTier: service.failoverSeed.activeTier },
    groups: service.groups.map((g) => ({
      name: g.name,
      source: g.source,
      weight: g.weight,
      tier: g.tier,
      machines: g.machines.map(encodeMachine),
    })),
  };
}

/**
 * What a newer sender may add is read as what is nearest and safe: an unknown strategy as round-robin, an unknown tier
 * as the last one, an unknown source as `external`.
 *
 * @throws DecodeError when the kind, or the protocol of a machine, is unknown.
 */
export function decodeService(message: ServiceMessage): MeshService {
  const at = `service ${message.kind}/${message.namespace}/${message.name}`;
  const seed = known(seeds, message.failoverSeed?.activeTier);
  return {
    kind: required(backendKinds, message.kind, `${at}: kind`),
    namespace: message.namespace,
    name: message.name,
    generation: Number(message.generation),
    strategy: known(strategies, message.strategy) ?? 'round-robin',
    failbackDelayMs: Number(message.failbackDelayMs),
    ...(seed && { failoverSeed: { activeTier: seed } }),
    groups: message.groups.map((g) => decodeGroup(g, `${at}: group ${g.name}`)),
  };
}

function decodeGroup(message: GroupMessage, at: string): MeshGroup {
  return {
    name: message.name,
    source: known(sources, message.source) ?? 'external',
    weight: message.weight,
    tier: known(tiers, message.tier) ?? 2,
    machines: message.machines.map((m) => decodeMachine(m, `${at}: machine ${m.id}`)),
  };
}

function encodeMachine(machine: Machine): MachineMessage {
  return {
    id: machine.id,
    host: machine.host,
    port: machine.port,
    protocol: machine.protocol,
    weight: machine.weight,
    hostname: machine.hostname ?? '',
    probe: machine.probe && encodeProbe(machine.probe),
  };
}

function decodeMachine(message: MachineMessage, at: string): Machine {
  return {
    id: message.id,
    host: message.host,
    port: message.port,
    protocol: required(protocols, message.protocol, `${at}: protocol`),
    weight: message.weight,
    ...(message.hostname !== '' && { hostname: message.hostname }),
    ...(message.probe && { probe: decodeProbe(message.probe) }),
  };
}

const encodeProbe = (probe: Probe): ProbeMessage => ({
  path: probe.path,
  intervalMs: BigInt(probe.intervalMs),
  timeoutMs: BigInt(probe.timeoutMs),
  healthyThreshold: probe.healthyThreshold,
  unhealthyThreshold: probe.unhealthyThreshold,
});

const decodeProbe = (message: ProbeMessage): Probe => ({
  path: message.path,
  intervalMs: Number(message.intervalMs),
  timeoutMs: Number(message.timeoutMs),
  healthyThreshold: message.healthyThreshold,
  unhealthyThreshold: message.unhealthyThreshold,
});

export function encodeRoute(route: MeshRoute): RouteMessage {
  return {
    kind: route.kind,
    namespace: route.namespace,
    name: route.name,
    generation: BigInt(route.generation),
    rules: route.rules.map((rule) => ({
      backendRefs: rule.backendRefs.map((ref) => ({ ...ref })),
      name: rule.name ?? '',
      index: rule.index,
      grpcMatches: (rule.grpcMatches ?? []).map(encodeGrpcMatch),
    })),
  };
}

/** @throws DecodeError when the kind of the route, or the type of a match, is unknown. */
export function decodeRoute(message: RouteMessage): MeshRoute {
  const at = `route ${message.kind}/${message.namespace}/${message.name}`;
  return {
    kind: required(routeKinds, message.kind, `${at}: kind`),
    namespace: message.namespace,
    name: message.name,
    generation: Number(message.generation),
    rules: message.rules.map((rule, i) => decodeRule(rule, `${at}: rule ${i}`)),
  };
}

function decodeRule(message: RouteRuleMessage, at: string): RouteRule {
  return {
    backendRefs: message.backendRefs.map(({ group, kind, namespace, name, port, weight }) => ({
      ...{ group, kind, namespace, name, port, weight },
    })),
    ...(message.index !== undefined && { index: message.index }),
    ...(message.name !== '' && { name: message.name }),
    ...(message.grpcMatches.length > 0 && {
      grpcMatches: message.grpcMatches.map((match, i) => decodeGrpcMatch(match, `${at}: match ${i}`)),
    }),
  };
}

const encodeGrpcMatch = (match: GrpcMatch): GrpcMatchMessage => ({
  service: match.service ?? '',
  method: match.method ?? '',
  type: match.type,
  headers: match.headers.map((header) => ({ ...header })),
});

function decodeGrpcMatch(message: GrpcMatchMessage, at: string): GrpcMatch {
  return {
    ...(message.service !== '' && { service: message.service }),
    ...(message.method !== '' && { method: message.method }),
    type: required(matchTypes, message.type, `${at}: type`),
    headers: message.headers.map(({ name, value, type }) => ({
      name,
      value,
      type: required(matchTypes, type, `${at}: header ${name}: type`),
    })),
  };
}

export const encodeCheckers = (set: CheckerSet): CheckerSetMessage => ({
  epoch: BigInt(set.epoch),
  addresses: [...set.addresses],
});

export const decodeCheckers = (message: CheckerSetMessage): CheckerSet => ({
  epoch: Number(message.epoch),
  addresses: [...message.addresses],
});

/** The part of a checker's report that decides traffic; the checker adds what only a status shows. */
export function encodeHealth(target: string, health: TargetHealth): HealthMessage {
  return {
    target,
    healthy: health.healthy,
    observedSinceMs: BigInt(health.observedSinceMs),
    transitions: health.transitions.map((t) => ({ atMs: BigInt(t.atMs), healthy: t.healthy })),
    successiveSuccesses: 0,
    successiveFailures: 0,
    recentFailures: [],
    averageResponseTimeUs: 0n,
  };
}

/** The target's id stands in the message (`target`). */
export function decodeHealth(message: HealthMessage): TargetHealth {
  return {
    healthy: message.healthy,
    observedSinceMs: Number(message.observedSinceMs),
    transitions: message.transitions.map((t) => ({ atMs: Number(t.atMs), healthy: t.healthy })),
  };
}
