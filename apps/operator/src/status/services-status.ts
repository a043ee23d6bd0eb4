import { isDeepStrictEqual } from 'node:util';
import type { Condition, TailscaleEndpoints, TailscaleServices } from '@tsgateway/api';
import type { Plan, PlannedMachine } from '@tsgateway/load-balancing';
import { targetId, type HealthView, type MeshGroup, type MeshService } from '@tsgateway/model';
import type { Problem } from '../catalog/checked.ts';
import { wantedVipService } from '../coordinator/wanted-vip-service.ts';
import { conditionsOf, stampChange, timestamp, type Finding } from './conditions.ts';
import { lastGood, listed } from './endpoints-status.ts';
import { routesSupported, type UnsupportedRoute } from './unsupported-routes.ts';
import { PASSING_VIP_FAILURES, type VipOutcome } from './vip-outcome.ts';

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
  /** By group, where it is time to write them; undefined: what was written stays. */
  readonly requestCounts?: Readonly<Record<string, number>> | undefined;
  /** Routes that name it in a way that cannot be carried. */
  readonly unsupportedRoutes: readonly UnsupportedRoute[];
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

function serviceInfo(facts: ServicesFacts): Status['serviceInfo'] {
  const { object, vip, previous, nowMs } = facts;
  if (object?.spec.vipService === undefined) return undefined;
  if (vip?.kind !== 'ensured') return isOfWantedVip(facts) ? previous?.serviceInfo : undefined;
  return stampChange<NonNullable<Status['serviceInfo']>, 'lastCoordination'>({
    next: {
      multiOperatorService: vip.consumerOperators.length > 0,
      ownerOperator: vip.ownerOperator === '' ? undefined : vip.ownerOperator,
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
  const serviceName = object && wantedVipService(object)?.service.name;
  if (serviceName === undefined) return undefined;
  const counts = { backendCount: tally.total, healthyBackendCount: tally.healthy };
  const before = facts.previous?.vipServiceStatus;
  const known = before?.serviceName === serviceName ? before : undefined;
  if (vip?.kind !== 'ensured' || vip.serviceName !== serviceName) {
    // Nothing was heard: what was known of the same VIP service still holds.
    const errors =
      vip?.kind === 'failed' ? [`${vip.reason}: ${vip.message}`.slice(0, 1024)] : known?.registrationErrors;
    return { serviceName, created: false, ...known, ...counts, registrationErrors: errors };
  }
  const registered = {
    serviceName,
    addresses: [...vip.addresses],
    dnsName: vip.dnsName,
    serviceTags: [...vip.tags],
  };
  const same =
    known?.created === true &&
    Object.entries(registered).every(([k, v]) => isDeepStrictEqual(v, known[k as keyof typeof registered]));
  return {
    ...registered,
    created: true,
    ...counts,
    lastRegistration: same ? known.lastRegistration : timestamp(nowMs),
  };
}

function loadBalancingStatus(facts: ServicesFacts): LoadBalancingStatus | undefined {
  const { service, plan } = facts;
  if (!service || !plan) return undefined;
  return {
    strategy: service.strategy,
    endpointWeights: Object.fromEntries(plan.groups.map((g) => [g.name, g.weight])),
    requestCounts: requestCounts(facts),
    failoverStatus: service.strategy === 'failover' ? failoverStatus(facts, { service, plan }) : undefined,
  };
}

function requestCounts({ requestCounts: counts, previous }: ServicesFacts): LoadBalancingStatus['requestCounts'] {
  const known = counts ?? previous?.loadBalancingStatus?.requestCounts;
  return known && Object.keys(known).length > 0 ? { ...known } : undefined;
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
  const { object, service } = facts;
  const vipFindings = object?.spec.vipService === undefined ? [] : [programmed(facts), ...coordinated(facts)];
  return [
    readiness(facts, { tally, programmed: vipFindings[0] }),
    accepted(facts),
    ...vipFindings,
    ...(object && service ? [...failoverConfigured(object, service), ...weightsConfigured(object, service)] : []),
    ...(object ? unsupported(object) : []),
    ...routesSupported(facts.unsupportedRoutes),
  ];
}

function accepted({ object, problem, selected }: ServicesFacts): Finding {
  if (problem) {
    const message = `${problem.message}. ${lastGood(object)}`;
    return { type: 'Accepted', status: 'False', reason: problem.reason, message };
  }
  const names = new Set(selected.map((e) => e.metadata.name));
  const external = object?.spec.serviceDiscovery?.externalServices ?? [];
  const twice = external.filter((e) => names.has(e.name)).map((e) => e.name);
  const hint =
    twice.length > 0
      ? ` External services that are called as a selected TailscaleEndpoints are the groups ${listed(twice.map((name) => `external:${name}`))}; weights and tiers of the name mean the TailscaleEndpoints.`
      : '';
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message: `The spec is valid.${hint}` };
}

function readiness(facts: ServicesFacts, found: { tally: Tally; programmed: Finding | undefined }): Finding {
  const { problem, plan } = facts;
  const { tally, programmed } = found;
  const not = (reason: string, message: string): Finding => ({ type: 'Ready', status: 'False', reason, message });
  if (problem) return not('NotAccepted', 'The spec is not accepted: see Accepted.');
  if (tally.total === 0) {
    return not('NoBackends', 'The selector selects no endpoints, and there are no external services.');
  }
  if (plan?.panic === true || tally.healthy === 0) {
    return not('AllBackendsUnhealthy', `All ${tally.total} backends are unhealthy: requests are tried on all of them.`);
  }
  if (programmed?.status === 'False')
    return not('NotProgrammed', `The VIP service is not as it should be: ${programmed.reason}.`);
  if (programmed?.status === 'Unknown')
    return { type: 'Ready', status: 'Unknown', reason: 'Pending', message: programmed.message };
  return {
    type: 'Ready',
    status: 'True',
    reason: 'Ready',
    message: `${tally.healthy} of ${tally.total} backends are fit.`,
  };
}

function programmed(facts: ServicesFacts): Finding {
  const { object, vip } = facts;
  const finding = (status: Finding['status'], reason: string, message: string): Finding => ({
    type: 'Programmed',
    status,
    reason,
    message,
  });
  const wanted = object && wantedVipService(object);
  const known = asFound(facts, 'Programmed');
  const passing = vip?.kind === 'failed' && PASSING_VIP_FAILURES.has(vip.reason);
  if (vip?.kind === 'failed' && !(passing && known?.status === 'True'))
    return finding('False', vip.reason, vip.message);
  if (vip?.kind !== 'ensured' || !isDeepStrictEqual(vip.wanted, wanted)) {
    // A VIP service that is there does not go away because nobody answers for a while, or nobody was asked yet.
    return known ?? finding('Unknown', 'Pending', 'The coordinator has not answered yet.');
  }
  const others =
    vip.otherTailnets.length > 0
      ? ` The selected endpoints are also in ${listed(vip.otherTailnets)}: one VIP service is in one tailnet.`
      : '';
  return finding('True', 'Programmed', `${vip.serviceName} is in the tailnet ${vip.tailnet}.${others}`);
}

/** Whether the previous status is about the VIP service that is wanted now. */
const isOfWantedVip = ({ object, previous }: ServicesFacts): boolean =>
  previous?.vipServiceStatus?.serviceName === (object && wantedVipService(object)?.service.name);

/** What was found before about the VIP service that is wanted now, and of which generation. */
const asFound = (facts: ServicesFacts, type: Condition['type']): Finding | undefined =>
  isOfWantedVip(facts) ? facts.previous?.conditions?.find((c) => c.type === type) : undefined;

function coordinated(facts: ServicesFacts): Finding[] {
  const { object, vip } = facts;
  if (vip?.kind !== 'ensured' || !isDeepStrictEqual(vip.wanted, object && wantedVipService(object))) {
    const known = asFound(facts, 'Coordinated');
    return known ? [known] : [];
  }
  const finding = (status: Finding['status'], reason: string, message: string): Finding[] => [
    { type: 'Coordinated', status, reason, message },
  ];
  if (vip.specConflicts.length > 0) {
    const owner = vip.isOwner
      ? 'Another TailscaleServices of this cluster, which asked for it before,'
      : vip.ownerOperator === ''
        ? 'Whoever made it, which was no operator,'
        : `The owner ${vip.ownerOperator}`;
    return finding('False', 'SpecConflict', `${owner} has other ${listed(vip.specConflicts)}, and those stand.`);
  }
  if (vip.isOwner) return finding('True', 'Owner', 'This operator owns the VIP service.');
  return finding(
    'True',
    'Consumer',
    vip.ownerOperator === '' ? 'No operator owns the VIP service.' : `${vip.ownerOperator} owns the VIP service.`,
  );
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
      `failoverConfig names what is not among the backends: ${listed(unknown)}.`,
    );
  return finding('True', 'Configured', 'Every name in failoverConfig is a backend.');
}

function weightsConfigured(object: TailscaleServices, service: MeshService): Finding[] {
  const { strategy, weights } = object.spec.loadBalancing;
  if (strategy !== 'weighted' || weights === undefined) return [];
  const there = new Set(service.groups.map((g) => g.name));
  const unknown = Object.keys(weights).filter((name) => !there.has(name));
  const type = 'WeightsConfigured';
  return unknown.length > 0
    ? [
        {
          type,
          status: 'False',
          reason: 'UnknownEndpoints',
          message: `weights names what is not among the backends: ${listed(unknown)}.`,
        },
      ]
    : [{ type, status: 'True', reason: 'Configured', message: 'Every name in weights is a backend.' }];
}

/** What the spec asks for and this version does not do. */
function unsupported({ spec }: TailscaleServices): Finding[] {
  const finding = (type: string, message: string): Finding => ({
    type,
    status: 'False',
    reason: 'NotSupported',
    message,
  });
  return [
    ...(spec.endpointTemplate
      ? [finding('EndpointTemplateValid', 'No endpoints are made from endpointTemplate in this version.')]
      : []),
    ...(spec.serviceDiscovery?.discoverVIPServices
      ? [finding('Discovered', 'VIP services of the tailnet are not discovered in this version.')]
      : []),
  ];
}
