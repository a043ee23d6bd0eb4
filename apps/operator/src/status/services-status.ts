import type { TailscaleEndpoints, TailscaleServices } from '@tsgateway/api';
import type { Plan, PlannedMachine } from '@tsgateway/load-balancing';
import { targetId, type HealthView, type MeshGroup, type MeshService } from '@tsgateway/model';
import type { Problem } from '../catalog/checked.ts';
import { conditionsOf, stampChange, timestamp, type Finding } from './conditions.ts';
import { lastGood, listed } from './endpoints-status.ts';
import type { VipOutcome } from './vip-outcome.ts';

type Status = NonNullable<TailscaleServices['status']>;
type SelectedEndpoints = NonNullable<Status['selectedEndpoints']>[number];
type LoadBalancingStatus = NonNullable<Status['loadBalancingStatus']>;
type FailoverStatus = NonNullable<LoadBalancingStatus['failoverStatus']>;
type DiscoveredService = NonNullable<Status['discoveredServices']>[number];

export interface ServicesFacts {
  /** The last valid version; undefined: there never was one. */
  readonly object: TailscaleServices | undefined;
  readonly generation: number;
  readonly problem: Problem | undefined;
  readonly previous: Status | undefined;
  readonly selected: readonly TailscaleEndpoints[];
  /** What it is in the model, and what the load balancer does with it. Both undefined where `object` is. */
  readonly service: MeshService | undefined;
  readonly plan: Plan | undefined;
  readonly health: HealthView;
  /** Undefined: this process has not asked the coordinator yet. */
  readonly vip: VipOutcome | undefined;
  readonly nowMs: number;
}

interface Tally {
  readonly total: number;
  readonly healthy: number;
}

// The API's own bounds.
const MAX_SELECTED = 1000;
const MAX_MACHINES = 1000;
const MAX_DISCOVERED = 512;

/** What a TailscaleServices' status shall be. */
export function servicesStatus(facts: ServicesFacts): Status {
  const { previous, plan, generation, nowMs } = facts;
  const now = timestamp(nowMs);
  const machines = (plan?.groups ?? []).flatMap((g) => g.machines);
  const tally = { total: machines.length, healthy: machines.filter((m) => m.healthy).length };
  const findings = findingsOf(facts, tally);
  return stampChange<Status, 'lastUpdate'>({
    next: {
      conditions: conditionsOf(findings, { previous: previous?.conditions, generation, now }),
      totalBackends: tally.total,
      healthyBackends: tally.healthy,
      unhealthyBackends: tally.total - tally.healthy,
      selectedEndpoints: facts.selected.slice(0, MAX_SELECTED).map((e) => selectedEndpoints(e, facts)),
      serviceInfo: serviceInfo(facts),
      vipServiceStatus: vipServiceStatus(facts, tally),
      loadBalancingStatus: loadBalancingStatus(facts),
      discoveredServices: discoveredServices(facts),
    },
    previous,
    field: 'lastUpdate',
    now,
  });
}

function selectedEndpoints(endpoints: TailscaleEndpoints, facts: ServicesFacts): SelectedEndpoints {
  const { name, namespace, labels } = endpoints.metadata;
  const before = facts.previous?.selectedEndpoints?.find((e) => e.name === name);
  const planned = facts.plan?.groups.find((g) => g.name === name)?.machines ?? [];
  const healthy = planned.filter((m) => m.healthy).length;
  const group = facts.service?.groups.find((g) => g.name === name);
  return {
    name,
    namespace: namespace ?? '',
    labels,
    machines: planned.slice(0, MAX_MACHINES).map(machineName),
    status: planned.length === 0 ? 'Pending' : healthy === 0 ? 'Failed' : 'Ready',
    healthStatus: {
      healthyMachines: healthy,
      unhealthyMachines: planned.length - healthy,
      lastHealthCheck: group && (lastTransition(group, facts.health) ?? before?.healthStatus?.lastHealthCheck),
    },
    lastSelected: before?.lastSelected ?? timestamp(facts.nowMs),
  };
}

/** The endpoint's name, of `<group>/<name>`. */
const machineName = ({ id }: PlannedMachine): string => id.slice(id.lastIndexOf('/') + 1);

function lastTransition(group: MeshGroup, health: HealthView): string | undefined {
  let latestMs = 0;
  for (const machine of group.machines) {
    const observed = health.get(targetId(machine) ?? '');
    latestMs = Math.max(latestMs, observed?.transitions.at(-1)?.atMs ?? 0);
  }
  return latestMs > 0 ? timestamp(latestMs) : undefined;
}

function serviceInfo({ object, vip, previous, nowMs }: ServicesFacts): Status['serviceInfo'] {
  if (object?.spec.vipService === undefined) return undefined;
  if (vip?.kind !== 'ensured') return previous?.serviceInfo;
  return stampChange<NonNullable<Status['serviceInfo']>, 'lastCoordination'>({
    next: {
      multiOperatorService: vip.consumerOperators.length > 0,
      ownerOperator: vip.ownerOperator,
      consumerOperators: vip.consumerOperators.length > 0 ? vip.consumerOperators.slice(0, 256) : undefined,
      serviceRegistryKey: vip.registryKey,
    },
    previous: previous?.serviceInfo,
    field: 'lastCoordination',
    now: timestamp(nowMs),
  });
}

function vipServiceStatus(facts: ServicesFacts, tally: Tally): Status['vipServiceStatus'] {
  const { object, vip, nowMs } = facts;
  const before = facts.previous?.vipServiceStatus;
  if (object?.spec.vipService === undefined) return undefined;
  const counts = { backendCount: tally.total, healthyBackendCount: tally.healthy };
  if (vip?.kind !== 'ensured') {
    // Nothing was heard: what was known of the same VIP service still holds.
    const serviceName = vipServiceName(object);
    const known = before?.serviceName === serviceName ? before : { serviceName, created: false };
    const errors = vip?.kind === 'failed' ? [`${vip.reason}: ${vip.message}`.slice(0, 1024)] : undefined;
    return { ...known, ...counts, registrationErrors: vip === undefined ? before?.registrationErrors : errors };
  }
  const registered = {
    serviceName: vip.serviceName,
    addresses: [...vip.addresses],
    dnsName: vip.dnsName,
    serviceTags: [...vip.tags],
  };
  const same =
    before?.created === true &&
    Object.entries(registered).every(
      ([k, v]) => JSON.stringify(v) === JSON.stringify(before[k as keyof typeof registered]),
    );
  return {
    ...registered,
    created: true,
    ...counts,
    lastRegistration: same ? before.lastRegistration : timestamp(nowMs),
  };
}

/** `svc:<name of the object>` unless the spec names it. */
export const vipServiceName = (services: TailscaleServices): string =>
  services.spec.vipService?.name ?? `svc:${services.metadata.name}`;

function loadBalancingStatus(facts: ServicesFacts): LoadBalancingStatus | undefined {
  const { service, plan } = facts;
  if (!service || !plan) return undefined;
  return {
    strategy: service.strategy,
    endpointWeights: Object.fromEntries(plan.groups.map((g) => [g.name, g.weight])),
    requestCounts: facts.previous?.loadBalancingStatus?.requestCounts,
    failoverStatus: service.strategy === 'failover' ? failoverStatus(facts, { service, plan }) : undefined,
  };
}

function failoverStatus(facts: ServicesFacts, { service, plan }: { service: MeshService; plan: Plan }): FailoverStatus {
  const before = facts.previous?.loadBalancingStatus?.failoverStatus;
  const now = timestamp(facts.nowMs);
  // In a panic no tier serves better than another: the one that served last stands, until there is a choice again.
  const activeTier = plan.panic ? (before?.activeTier ?? 'primary') : plan.activeTier === 0 ? 'primary' : 'secondary';
  if (before?.activeTier === activeTier) {
    return { ...before, ...(activeTier === 'secondary' ? { failoverReason: failoverReason(service, plan) } : {}) };
  }
  if (activeTier === 'secondary') {
    return { ...before, activeTier, failoverReason: failoverReason(service, plan), lastFailover: now };
  }
  return before === undefined
    ? { activeTier }
    : { ...before, activeTier, failoverReason: UNHEALTHY, lastFailback: now };
}

function failoverReason(service: MeshService, plan: Plan): string {
  const primaries = new Set(service.groups.filter((g) => g.tier === 0).map((g) => g.name));
  const fit = plan.groups.some((g) => primaries.has(g.name) && g.machines.some((m) => m.healthy));
  return fit && !plan.panic ? 'failback-delay' : UNHEALTHY;
}

/** Stays after the failback, as the reason of `lastFailover`. */
const UNHEALTHY = 'primary-endpoints-unhealthy';

function discoveredServices({ object, previous, nowMs }: ServicesFacts): DiscoveredService[] | undefined {
  const external = object?.spec.serviceDiscovery?.externalServices ?? [];
  if (external.length === 0) return undefined;
  return external.slice(0, MAX_DISCOVERED).map(({ name, address, port, protocol }) => {
    const before = previous?.discoveredServices?.find((d) => d.name === name && d.type === 'external-service');
    return {
      name,
      type: 'external-service',
      address,
      port,
      protocol,
      discoverySource: 'spec.serviceDiscovery.externalServices',
      lastDiscovered: before?.lastDiscovered ?? timestamp(nowMs),
    };
  });
}

function findingsOf(facts: ServicesFacts, tally: Tally): Finding[] {
  const { object, problem, vip, service } = facts;
  const accepted: Finding = problem
    ? { type: 'Accepted', status: 'False', reason: problem.reason, message: `${problem.message}. ${lastGood(object)}` }
    : { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'The spec is valid.' };
  const vipFindings = object?.spec.vipService === undefined ? [] : [programmed(facts), ...coordinated(vip, facts)];
  const failover = object && service ? failoverConfigured(object, service) : [];
  return [readiness(facts, { tally, programmed: vipFindings[0] }), accepted, ...vipFindings, ...failover];
}

function readiness(facts: ServicesFacts, found: { tally: Tally; programmed: Finding | undefined }): Finding {
  const { object, problem, plan } = facts;
  const { tally, programmed } = found;
  const not = (reason: string, message: string): Finding => ({ type: 'Ready', status: 'False', reason, message });
  if (problem) return not('NotAccepted', 'The spec is not accepted: see Accepted.');
  if (tally.total === 0) {
    const unused = [
      ...(object?.spec.endpointTemplate ? ['endpointTemplate'] : []),
      ...(object?.spec.serviceDiscovery?.discoverVIPServices ? ['serviceDiscovery.discoverVIPServices'] : []),
    ];
    const hint =
      unused.length > 0 ? ` ${unused.join(' and ')} ${unused.length > 1 ? 'are' : 'is'} not applied yet.` : '';
    return not('NoBackends', `The selector selects no endpoints, and there are no external services.${hint}`);
  }
  if (plan?.panic === true || tally.healthy === 0) {
    return not('AllBackendsUnhealthy', `All ${tally.total} backends are unhealthy: requests are tried on all of them.`);
  }
  if (programmed && programmed.status === 'False')
    return not('NotProgrammed', `The VIP service is not there: ${programmed.reason}.`);
  return {
    type: 'Ready',
    status: 'True',
    reason: 'Ready',
    message: `${tally.healthy} of ${tally.total} backends are fit.`,
  };
}

function programmed({ object, vip, previous, generation }: ServicesFacts): Finding {
  const finding = (status: Finding['status'], reason: string, message: string): Finding => ({
    type: 'Programmed',
    status,
    reason,
    message,
  });
  const known = previous?.conditions?.find((c) => c.type === 'Programmed' && c.observedGeneration === generation);
  // A VIP service that is there does not go away because nobody answers for a while.
  const silent = vip?.kind === 'failed' && vip.reason === 'CoordinatorUnreachable' && known?.status === 'True';
  if (object === undefined || vip === undefined || silent) {
    // A new leader has not asked yet; what its predecessor found for this generation stands.
    if (known) return finding(known.status, known.reason, known.message);
    return finding('Unknown', 'Pending', 'The coordinator has not answered yet.');
  }
  if (vip.kind === 'failed') return finding('False', vip.reason, vip.message);
  const others =
    vip.otherTailnets.length > 0
      ? ` The selected endpoints are also in ${listed(vip.otherTailnets)}: one VIP service is in one tailnet.`
      : '';
  return finding('True', 'Programmed', `${vip.serviceName} is in the tailnet ${vip.tailnet}.${others}`);
}

function coordinated(vip: VipOutcome | undefined, { previous, generation }: ServicesFacts): Finding[] {
  if (vip?.kind !== 'ensured') {
    const known = previous?.conditions?.find((c) => c.type === 'Coordinated');
    return known?.observedGeneration === generation ? [known] : [];
  }
  const finding = (status: Finding['status'], reason: string, message: string): Finding[] => [
    { type: 'Coordinated', status, reason, message },
  ];
  if (vip.specConflicts.length > 0) {
    return finding(
      'False',
      'SpecConflict',
      `The owner ${vip.ownerOperator} has other ${listed(vip.specConflicts)}: the owner's stand.`,
    );
  }
  return vip.isOwner
    ? finding('True', 'Owner', 'This operator owns the VIP service.')
    : finding('True', 'Consumer', `${vip.ownerOperator} owns the VIP service.`);
}

function failoverConfigured(object: TailscaleServices, service: MeshService): Finding[] {
  if (service.strategy !== 'failover') return [];
  const { primaryEndpoints = [], secondaryEndpoints = [] } = object.spec.loadBalancing.failoverConfig ?? {};
  const finding = (status: Finding['status'], reason: string, message: string): Finding[] => [
    { type: 'FailoverConfigured', status, reason, message },
  ];
  if (primaryEndpoints.length + secondaryEndpoints.length === 0) {
    return finding('False', 'NoTiers', 'failoverConfig names no endpoints: all of them are primaries.');
  }
  const there = new Set(service.groups.map((g) => g.name));
  const unknown = [...primaryEndpoints, ...secondaryEndpoints].filter((name) => !there.has(name));
  if (unknown.length > 0)
    return finding(
      'False',
      'UnknownEndpoints',
      `failoverConfig names ${listed(unknown)}, which is not among the backends.`,
    );
  return finding('True', 'Configured', 'Every name in failoverConfig is a backend.');
}
