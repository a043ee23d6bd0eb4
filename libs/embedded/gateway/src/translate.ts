import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import type { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '@tsgateway/protos/envoy/config/route/v3/route';
import type { RouteMatch, VirtualHost } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import {
  Route,
  RouteAction,
  RouteAction_ClusterNotFoundResponseCode,
} from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { attachments } from './attachment.ts';
import type { BackendSetting, BackendWeights, RefProblem } from './backend-refs.ts';
import { refIndex, resolveRefs, weightsOf } from './backend-refs.ts';
import { loadAssignment, ownerMetadata, ruleCluster } from './cluster.ts';
import { parseDuration, toDuration } from './duration.ts';
import type { GatewayListener } from './gateway-listeners.ts';
import { gatewayListeners, ownClasses, ownGateways } from './gateway-listeners.ts';
import { httpListener } from './listener.ts';
import { backendName, clusterName, INVALID_BACKEND_CLUSTER, routeName, virtualHostName } from './names.ts';
import type {
  CustomBackend,
  Gateway,
  HTTPRoute,
  HTTPRouteMatch,
  HTTPRouteRule,
  PolicyObject,
  Resources,
} from './resources.ts';
import { byAge, keyOf } from './resources.ts';
import type { RuleFilters } from './route-filters.ts';
import { readFilters, redirectAction, rewriteAction } from './route-filters.ts';
import { comparePrecedence, InvalidMatch, pathOf, routeMatch } from './route-match.ts';
import type { RouteOutcome, Statuses } from './status.ts';
import { gatewayClassStatus, gatewayStatus, httpRouteStatus, policyStatus } from './status.ts';

export interface TranslateOptions {
  /** Where listeners are bound, and the address that Gateways report. */
  readonly address: string;
  /** The host port of the first HTTP listener of the oldest Gateway; undefined: by the rule of `hostPort`. */
  readonly gatewayPort?: number | undefined;
}

export interface Translation {
  /** The oldest Gateway that is served (`namespace/name`): the data plane's name for itself. */
  readonly gateway?: string | undefined;
  readonly listeners: Listener[];
  readonly routeConfigurations: RouteConfiguration[];
  readonly clusters: Cluster[];
  /** The endpoints of these clusters that come from here, by cluster. */
  readonly endpoints: ClusterLoadAssignment[];
  readonly statuses: Statuses;
  /** Clusters that the extension server is asked about, each with exactly the backends of its rule. */
  readonly customRules: readonly { readonly cluster: string; readonly backends: readonly CustomBackend[] }[];
  /** Policies that target one of the Gateways. */
  readonly policies: readonly PolicyObject[];
  /** The listeners that serve, and where. */
  readonly bound: readonly { readonly name: string; readonly address: string }[];
}

/**
 * Envoy Gateway's translation of Gateway API resources, for the part of it that the embedded gateway serves. All Gateways of the
 * class share one data plane, as with Envoy Gateway's `mergeGateways`. Pure; never throws because of one bad resource.
 */
export function translate(resources: Resources, options: TranslateOptions): Translation {
  const gateways = ownGateways(resources);
  const listeners = gatewayListeners(resources, options.gatewayPort);
  const builder = new XdsBuilder(options.address);
  for (const l of listeners) if (l.valid) builder.addListener(l);

  const attached = new Map<GatewayListener, number>();
  const index = refIndex(resources);
  const gatewayKeys = new Set(gateways.map(keyOf));
  const namespaces = new Map(resources.namespaces.map((n) => [n.metadata.name, n]));
  const routeStatuses: Statuses['httpRoutes'][number][] = [];

  for (const route of [...resources.httpRoutes].sort(byAge)) {
    const found = attachments({ route, listeners, namespaces, gateways: gatewayKeys });
    if (found.length === 0) continue;
    const rules = buildRules(route, (rule) => resolveRefs(route, rule, index));
    const outcome: RouteOutcome = {
      invalid: rules.find((r) => r.invalid !== undefined)?.invalid,
      unsupported: rules.flatMap((r) => r.filters.unsupported),
      problems: rules.flatMap((r) => r.problems),
      noEndpoints: rules.some((r) => r.weights.noEndpoints > 0),
    };
    routeStatuses.push(httpRouteStatus(route, found, outcome));
    if (outcome.invalid !== undefined) continue;
    const places = new Map(found.flatMap((a) => a.listeners.map((l) => [l.listener, l.hostnames] as const)));
    for (const [listener, hostnames] of places) {
      attached.set(listener, (attached.get(listener) ?? 0) + 1);
      if (listener.valid) for (const rule of rules) builder.addRule(rule, listener, hostnames);
    }
  }

  const policies = resources.policies.filter((p) => targetsOf(p, gatewayKeys).length > 0).sort(byAge);
  return {
    gateway: listeners.find((l) => l.valid) && gateways[0] ? keyOf(gateways[0]) : undefined,
    ...builder.finish(),
    statuses: {
      gatewayClasses: ownClasses(resources).map(gatewayClassStatus),
      gateways: gateways.map((gateway) =>
        gatewayStatus({
          gateway,
          listeners: listeners.filter((l) => l.gateway === gateway),
          attachedRoutes: (l) => attached.get(l) ?? 0,
          address: options.address,
        }),
      ),
      httpRoutes: routeStatuses,
      policies: policies.map((p) => policyStatus(p, targetsOf(p, gatewayKeys))),
    },
    policies,
    bound: listeners.filter((l) => l.valid).map((l) => ({ name: l.name, address: `${options.address}:${l.port}` })),
  };
}

/** The names of the Gateways that a policy targets: of its own namespace only (Envoy Gateway ignores a namespace in targetRefs). */
const targetsOf = (policy: PolicyObject, gateways: ReadonlySet<string>): string[] =>
  (policy.spec?.targetRefs ?? [])
    .filter((t) => t.kind === 'Gateway' && gateways.has(`${policy.metadata.namespace ?? ''}/${t.name}`))
    .map((t) => t.name);

interface BuiltRule {
  readonly route: HTTPRoute;
  readonly owner: { readonly namespace: string; readonly name: string };
  readonly rule: HTTPRouteRule;
  readonly cluster: string;
  readonly filters: RuleFilters;
  readonly settings: readonly BackendSetting[];
  readonly weights: BackendWeights;
  /** A status that answers every request, where no backend can; then there is no cluster. */
  readonly answer: number | undefined;
  readonly matches: readonly { readonly index: number; readonly match: HTTPRouteMatch; readonly xds: RouteMatch }[];
  readonly problems: readonly RefProblem[];
  readonly timeoutMs: number | undefined;
  /** The route cannot be accepted, and why. */
  readonly invalid: string | undefined;
}

function buildRules(route: HTTPRoute, resolve: (rule: HTTPRouteRule) => ReturnType<typeof resolveRefs>): BuiltRule[] {
  const owner = { namespace: route.metadata.namespace ?? 'default', name: route.metadata.name };
  return (route.spec.rules ?? [{}]).map((rule, i) => {
    const filters = readFilters(rule.filters);
    const refs = resolve(rule);
    const weights = weightsOf(refs.settings);
    const { matches, invalid } = buildMatches(rule, i);
    const timeout = rule.timeouts?.request ?? rule.timeouts?.backendRequest;
    const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout);
    return {
      route,
      owner,
      rule,
      cluster: clusterName(owner, i),
      filters,
      settings: refs.settings,
      weights,
      answer: filters.unsupported.length > 0 ? 500 : directAnswer(weights),
      matches,
      problems: refs.problems,
      timeoutMs,
      invalid:
        timeout !== undefined && timeoutMs === undefined ? `rules[${i}].timeouts: ${timeout} is no duration` : invalid,
    };
  });
}

/** What answers a rule none of whose backends can. */
function directAnswer({ valid, invalid, noEndpoints }: BackendWeights): number | undefined {
  if (valid > 0) return undefined;
  return noEndpoints > 0 && invalid === 0 ? 503 : 500;
}

/** A share of requests that cannot be served makes a cluster of each backendRef, and weighted clusters. */
const isSplit = ({ weights }: BuiltRule): boolean => weights.invalid + weights.noEndpoints > 0;

function buildMatches(rule: HTTPRouteRule, i: number): Pick<BuiltRule, 'matches' | 'invalid'> {
  try {
    const listed = rule.matches ?? [];
    const all = listed.length > 0 ? listed.map((match, index) => ({ match, index })) : [{ match: {}, index: -1 }];
    return { matches: all.map((m) => ({ ...m, xds: routeMatch(m.match) })), invalid: undefined };
  } catch (error) {
    if (!(error instanceof InvalidMatch)) throw error;
    return { matches: [], invalid: `rules[${i}].matches: ${error.message}` };
  }
}

/** A route on its way into a virtual host, with what its place there depends on. */
interface OrderedRoute {
  readonly match: HTTPRouteMatch;
  readonly order: number;
  readonly xds: Route;
}

interface PortConfiguration {
  readonly name: string;
  readonly listener: Listener;
  readonly hosts: Map<string, Host>;
}

interface Host {
  readonly name: string;
  readonly gateway: Gateway;
  readonly routes: OrderedRoute[];
  readonly names: Set<string>;
}

/** Collects routes by port and hostname; what comes first (the older route, the earlier rule) wins among equals. */
class XdsBuilder {
  readonly #address: string;
  readonly #ports = new Map<number, PortConfiguration>();
  readonly #clusters = new Map<string, Cluster>();
  readonly #endpoints: ClusterLoadAssignment[] = [];
  readonly #customRules: { cluster: string; backends: readonly CustomBackend[] }[] = [];
  #order = 0;

  constructor(address: string) {
    this.#address = address;
  }

  addListener(l: GatewayListener): void {
    if (this.#ports.has(l.port)) return;
    const listener = httpListener({ name: l.name, address: this.#address, port: l.port });
    this.#ports.set(l.port, { name: l.name, listener, hosts: new Map() });
  }

  addRule(rule: BuiltRule, listener: GatewayListener, hostnames: readonly string[]): void {
    const hosts = this.#ports.get(listener.port)?.hosts;
    if (!hosts) return;
    if (rule.answer === undefined && rule.filters.redirect === undefined) this.#addClusters(rule);
    for (const hostname of hostnames) {
      const host: Host = hosts.get(hostname) ?? {
        name: virtualHostName(listener.name, hostname),
        routes: [],
        names: new Set<string>(),
        gateway: listener.gateway,
      };
      hosts.set(hostname, host);
      for (const m of rule.matches) {
        const name = routeName(rule.cluster, m.index, hostname);
        // Two listeners of one port may give a route the same hostname.
        if (host.names.has(name)) continue;
        host.names.add(name);
        host.routes.push({ match: m.match, order: this.#order++, xds: xdsRoute(name, { rule, ...m, listener }) });
      }
    }
  }

  #addClusters(rule: BuiltRule): void {
    if (!isSplit(rule)) return this.#addCluster(rule.cluster, rule, rule.settings);
    for (const setting of rule.settings) {
      this.#addCluster(backendName(rule.cluster, setting.index), rule, [setting]);
    }
  }

  #addCluster(name: string, rule: BuiltRule, settings: readonly BackendSetting[]): void {
    if (this.#clusters.has(name)) return;
    this.#clusters.set(name, ruleCluster(name, rule.owner));
    this.#endpoints.push(loadAssignment(name, { rule: rule.cluster, settings }));
    // The hook is told the custom backends of the rule, whichever of its clusters it is asked about.
    const backends = rule.settings.flatMap(({ target }) => (target.kind === 'custom' ? [target.backend] : []));
    if (backends.length > 0) this.#customRules.push({ cluster: name, backends });
  }

  finish(): Pick<Translation, 'listeners' | 'routeConfigurations' | 'clusters' | 'endpoints' | 'customRules'> {
    const ports = [...this.#ports.values()];
    return {
      listeners: ports.map((p) => p.listener),
      routeConfigurations: ports.map((p) =>
        RouteConfiguration.fromPartial({
          name: p.name,
          ignorePortInHostMatching: true,
          virtualHosts: [...p.hosts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([domain, h]) => virtualHost(domain, h)),
        }),
      ),
      clusters: [...this.#clusters.values()],
      endpoints: this.#endpoints,
      customRules: this.#customRules,
    };
  }
}

function virtualHost(domain: string, host: Host): Parameters<typeof VirtualHost.fromPartial>[0] {
  const { namespace = 'default', name } = host.gateway.metadata;
  return {
    name: host.name,
    domains: [domain],
    metadata: ownerMetadata('Gateway', { namespace, name }),
    routes: host.routes.sort((a, b) => comparePrecedence(a.match, b.match) || a.order - b.order).map((r) => r.xds),
  };
}

function xdsRoute(
  name: string,
  of: { rule: BuiltRule; match: HTTPRouteMatch; xds: RouteMatch; listener: GatewayListener },
): Route {
  const { rule, match, xds, listener } = of;
  const { requestHeadersToAdd, requestHeadersToRemove, responseHeadersToAdd, responseHeadersToRemove } = rule.filters;
  return Route.fromPartial({
    name,
    match: xds,
    metadata: ownerMetadata('HTTPRoute', rule.owner),
    requestHeadersToAdd,
    requestHeadersToRemove,
    responseHeadersToAdd,
    responseHeadersToRemove,
    action: action(rule, match, listener),
  });
}

function action(rule: BuiltRule, match: HTTPRouteMatch, listener: GatewayListener): Route['action'] {
  if (rule.filters.redirect !== undefined && rule.filters.unsupported.length === 0) {
    return { $case: 'redirect', value: redirectAction(rule.filters.redirect, pathOf(match), listener.spec.port) };
  }
  if (rule.answer !== undefined) return { $case: 'directResponse', value: { status: rule.answer, body: undefined } };
  const rewrite = rule.filters.rewrite === undefined ? {} : rewriteAction(rule.filters.rewrite, pathOf(match));
  return {
    $case: 'route',
    value: RouteAction.fromPartial({
      ...rewrite,
      ...clustersOf(rule),
      upgradeConfigs: [{ upgradeType: 'websocket' }],
      timeout: rule.timeoutMs === undefined ? undefined : toDuration(rule.timeoutMs),
    }),
  };
}

/**
 * Envoy Gateway's choice of clusters. Split, only Services with endpoints get a share of their own: that of custom
 * backends is for the extension server to give.
 */
function clustersOf(rule: BuiltRule): Parameters<typeof RouteAction.fromPartial>[0] {
  if (!isSplit(rule)) return { clusterSpecifier: { $case: 'cluster', value: rule.cluster } };
  const { INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE } = RouteAction_ClusterNotFoundResponseCode;
  const { invalid, noEndpoints } = rule.weights;
  const served = rule.settings.filter(({ target }) => target.kind === 'service' && target.endpoints.length > 0);
  return {
    clusterSpecifier: {
      $case: 'weightedClusters',
      value: {
        clusters: [
          { name: INVALID_BACKEND_CLUSTER, weight: invalid + noEndpoints },
          ...served.map(({ index, weight }) => ({ name: backendName(rule.cluster, index), weight })),
        ],
      },
    },
    clusterNotFoundResponseCode: noEndpoints > 0 ? SERVICE_UNAVAILABLE : INTERNAL_SERVER_ERROR,
  };
}
