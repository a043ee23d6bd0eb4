import type { Condition, TailscaleEndpoints } from '@tsgateway/api';
import { targetId, type HealthView, type Machine, type TargetHealth } from '@tsgateway/model';
import type { Problem } from '../catalog/checked.ts';
import { conditionsOf, stampChange, timestamp, type Finding } from './conditions.ts';
import { routesSupported, type UnsupportedRoute } from './unsupported-routes.ts';
import type { ProbeFailure, TargetDetails } from './target-details.ts';

type Status = NonNullable<TailscaleEndpoints['status']>;
type EndpointStatus = NonNullable<Status['endpointStatus']>[number];
type Endpoint = NonNullable<TailscaleEndpoints['spec']['endpoints']>[number];
type Details = NonNullable<EndpointStatus['healthCheckDetails']>;
type Failure = NonNullable<Details['recentFailures']>[number];

export interface EndpointsFacts {
  /** The last valid version; undefined: there never was one. */
  readonly object: TailscaleEndpoints | undefined;
  readonly generation: number;
  readonly problem: Problem | undefined;
  readonly previous: Status | undefined;
  /** Its machines wherever they stand in the model, by endpoint name: each service may probe them in its own way. */
  readonly machines: ReadonlyMap<string, readonly Machine[]>;
  readonly health: HealthView;
  readonly details: ReadonlyMap<string, TargetDetails>;
  /** Routes that name it in a way that cannot be carried. */
  readonly unsupportedRoutes: readonly UnsupportedRoute[];
  readonly tailnet: { readonly found: boolean; readonly ready: Condition | undefined };
  readonly nowMs: number;
}

const MAX_ENDPOINTS = 2000;
const MAX_FAILURES = 5;

/** What a TailscaleEndpoints' status shall be. */
export function endpointsStatus(facts: EndpointsFacts): Status {
  const { object, previous, generation, nowMs } = facts;
  const now = timestamp(nowMs);
  const specified = object?.spec.endpoints ?? [];
  const all = specified.map((endpoint) => endpointStatus(endpoint, facts));
  const unhealthy = all.filter((e) => e.healthStatus === 'Unhealthy').length;
  const findings = [...findingsOf({ facts, unhealthy }), ...routesSupported(facts.unsupportedRoutes)];
  return stampChange<Status, 'lastSync'>({
    next: {
      conditions: conditionsOf(findings, { previous: previous?.conditions, generation, now }),
      totalEndpoints: all.length,
      healthyEndpoints: all.length - unhealthy,
      unhealthyEndpoints: unhealthy,
      discoveredEndpoints: 0,
      endpointStatus: all.slice(0, MAX_ENDPOINTS),
    },
    previous,
    field: 'lastSync',
    now,
  });
}

function endpointStatus(endpoint: Endpoint, facts: EndpointsFacts): EndpointStatus {
  const before = facts.previous?.endpointStatus?.find((e) => e.name === endpoint.name);
  const targets = (facts.machines.get(endpoint.name) ?? []).flatMap((machine) => targetId(machine) ?? []);
  const observed = [...new Set(targets)].flatMap((id) => {
    const health = facts.health.get(id);
    return health ? [{ health, details: facts.details.get(id) }] : [];
  });
  // Where several services probe it differently, the bad news counts.
  const worst = observed.find((o) => !o.health.healthy) ?? observed[0];
  // Not observed is what it was: checkers and this operator are restarted without any change of its health.
  const kept = worst === undefined && targets.length > 0 ? before : undefined;
  const healthStatus = worst ? (worst.health.healthy ? 'Healthy' : 'Unhealthy') : (kept?.healthStatus ?? 'Unknown');
  const lastHealthCheck = worst
    ? changeTime(worst.health, before?.healthStatus === healthStatus ? before.lastHealthCheck : undefined)
    : kept?.lastHealthCheck;
  const unchanged = before?.healthStatus === healthStatus && before.lastHealthCheck === lastHealthCheck;
  return {
    name: endpoint.name,
    tailscaleIP: endpoint.tailscaleIP,
    externalTarget: endpoint.externalTarget,
    discoverySource: 'Manual',
    healthStatus,
    lastHealthCheck,
    tags: endpoint.tags,
    weight: endpoint.weight,
    // As they were at the transition: counters of every probe would change the object with every probe.
    healthCheckDetails: unchanged ? before.healthCheckDetails : worst?.details && detailsOf(worst.details),
  };
}

/** When the health last changed. An observation that began anew (a checker was restarted) is no change. */
function changeTime(health: TargetHealth, known: string | undefined): string {
  const transition = health.transitions.at(-1);
  return transition ? timestamp(transition.atMs) : (known ?? timestamp(health.observedSinceMs));
}

function detailsOf(details: TargetDetails): Details {
  return {
    averageResponseTime: details.averageResponseTimeUs > 0 ? duration(details.averageResponseTimeUs) : undefined,
    successiveSuccesses: details.successiveSuccesses,
    successiveFailures: details.successiveFailures,
    recentFailures: details.recentFailures.slice(-MAX_FAILURES).reverse().map(failureOf),
  };
}

const ERROR_TYPES = [
  'Timeout',
  'ConnectionRefused',
  'DNSResolution',
  'HTTPError',
  'TCPError',
  'UDPError',
  'TLSError',
] as const;

const failureOf = (failure: ProbeFailure): Failure => ({
  errorType: ERROR_TYPES.find((type) => type === failure.errorType) ?? 'Unknown',
  errorMessage: failure.message === '' ? undefined : failure.message.slice(0, 1024),
  statusCode: failure.statusCode >= 100 && failure.statusCode <= 999 ? failure.statusCode : undefined,
  timestamp: timestamp(failure.atMs),
});

/** A Go duration. */
const duration = (us: number): string => (us < 1000 ? `${us}us` : `${Math.round(us / 10) / 100}ms`);

function findingsOf({ facts, unhealthy }: { facts: EndpointsFacts; unhealthy: number }): Finding[] {
  const { object, problem } = facts;
  const accepted: Finding = problem
    ? { type: 'Accepted', status: 'False', reason: problem.reason, message: `${problem.message}. ${lastGood(object)}` }
    : { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'The spec is valid.' };
  const findings = [readiness({ facts, unhealthy }), accepted];
  if (object === undefined) return findings;
  const direct = (object.spec.endpoints ?? []).filter((e) => e.externalTarget === undefined).map((e) => e.name);
  findings.push(
    direct.length === 0
      ? { type: 'ProxiesReady', status: 'True', reason: 'NotNeeded', message: 'Every endpoint has an externalTarget.' }
      : {
          type: 'ProxiesReady',
          status: 'False',
          reason: 'NotSupported',
          message: `No proxies are run in this version: the gateway dials ${listed(direct)} at its address in the tailnet, which works where its nodes are in the tailnet. Set externalTarget otherwise.`,
        },
  );
  if (object.spec.autoDiscovery?.enabled) {
    findings.push({
      type: 'Discovered',
      status: 'False',
      reason: 'NotSupported',
      message: 'Devices of the tailnet are not looked for in this version: list them in spec.endpoints.',
    });
  }
  return findings;
}

function readiness({ facts, unhealthy }: { facts: EndpointsFacts; unhealthy: number }): Finding {
  const { object, problem, tailnet } = facts;
  const total = object?.spec.endpoints?.length ?? 0;
  const not = (reason: string, message: string): Finding => ({ type: 'Ready', status: 'False', reason, message });
  if (problem) return not('NotAccepted', 'The spec is not accepted: see Accepted.');
  const name = object?.spec.tailnet ?? '';
  if (!tailnet.found) return not('TailnetNotFound', `There is no TailscaleTailnet "${name}".`);
  if (tailnet.ready?.status === 'False') {
    return not('TailnetNotReady', `TailscaleTailnet "${name}" is not ready: ${tailnet.ready.reason}.`);
  }
  if (tailnet.ready === undefined) {
    const message = `TailscaleTailnet "${name}" has not been looked at yet.`;
    return { type: 'Ready', status: 'Unknown', reason: 'Pending', message };
  }
  if (total === 0) return not('NoEndpoints', 'spec.endpoints is empty.');
  if (unhealthy === total) return not('AllEndpointsUnhealthy', `All ${total} endpoints are unhealthy.`);
  return {
    type: 'Ready',
    status: 'True',
    reason: 'Ready',
    message: `${total - unhealthy} of ${total} endpoints are fit.`,
  };
}

export const lastGood = (object: unknown): string =>
  object === undefined ? 'Nothing of it is served.' : 'The last valid version is still served.';

const MAX_NAMES = 5;

/** `a, b and 3 more`. */
export const listed = (names: readonly string[]): string =>
  names.length <= MAX_NAMES
    ? names.join(', ')
    : `${names.slice(0, MAX_NAMES).join(', ')} and ${names.length - MAX_NAMES} more`;
