import {
  DirectResponseAction,
  RetryPolicy,
  WeightedCluster,
  WeightedCluster_ClusterWeight,
} from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { PreviousHostsPredicate } from '@tsgateway/protos/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts';
import { PreviousPrioritiesConfig } from '@tsgateway/protos/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config';
import { pack } from './any.ts';
import { concat, fieldOf, hasField, mapField, readable, stringOf, valuesOf, withoutFields } from './wire.ts';

/** Where the requests of a rule go. */
export interface RuleShares {
  /** Of our clusters, in the order of the rule's backendRefs. */
  readonly shares: readonly Share[];
  /** Of the plain Services that share the rule's own cluster. */
  readonly serviceWeight: number;
  /** What Envoy Gateway calls the rule's clusters: the backendRef that one stands for; undefined: all of them. */
  readonly clusters: ReadonlyMap<string, number | undefined>;
  /** Nothing is known of the weights. */
  readonly guessed: boolean;
}

/** A cluster of ours and its share of a rule's requests. */
export interface Share {
  readonly cluster: string;
  readonly weight: number;
  /** Of the backendRef. */
  readonly index: number;
  /**
   * Whether Envoy Gateway may have refused the reference: `surely` where the object does not exist, `perhaps` where it
   * would need a ReferenceGrant. Undefined: it has not.
   */
  readonly refused?: 'surely' | 'perhaps' | undefined;
}

/** Field numbers. */
const ROUTE = { action: 2, directResponse: 7 } as const;
const ACTION = { cluster: 1, weightedClusters: 3, retryPolicy: 9, retryPolicyTypedConfig: 33 } as const;
const WEIGHTED_CLUSTERS = { clusters: 1 } as const;
const CLUSTER_WEIGHT = { name: 1 } as const;
const DIRECT_RESPONSE = { status: 1, body: 2, bodyFormat: 3 } as const;

/** Envoy Gateway's name for the share of references that it refused, or that have no endpoints. */
const invalidCluster = 'invalid-backend-cluster';

/** The names of the clusters that a serialized route sends requests to. */
export function clustersOf(route: Uint8Array): string[] {
  return valuesOf(route, ROUTE.action).flatMap((action) => {
    const cluster = stringOf(action, ACTION.cluster);
    const entries = valuesOf(action, ACTION.weightedClusters).flatMap((w) => valuesOf(w, WEIGHTED_CLUSTERS.clusters));
    const weighted = entries.map((entry) => stringOf(entry, CLUSTER_WEIGHT.name));
    return cluster === '' ? weighted : [cluster, ...weighted];
  });
}

/**
 * Sends a serialized route's requests to our clusters. All that does not say where they go stays as it is, byte by
 * byte. The very same array where the route sends requests nowhere, or to where cannot be read.
 *
 * @param hostRetries whether the virtual host has a retry policy of its own.
 */
export function editRoute(route: Uint8Array, rule: RuleShares, hostRetries: () => boolean): Uint8Array {
  const action = valuesOf(route, ROUTE.action).at(-1);
  if (action === undefined) return route;
  const before = specifierOf(action);
  const specifier = before && replaceClusters(before, rule);
  if (specifier === undefined) return route;
  // As Gateway API asks of a rule in which nothing has a weight.
  if (specifier === 'nothing') return refuseRoute(route, 'no backend of this rule has a weight');
  const userRetries =
    hasField(action, ACTION.retryPolicy) || hasField(action, ACTION.retryPolicyTypedConfig) || hostRetries();
  const edited = concat([
    withoutFields(action, [ACTION.cluster, ACTION.weightedClusters]),
    specifier.$case === 'cluster'
      ? fieldOf(ACTION.cluster, new TextEncoder().encode(specifier.value))
      : fieldOf(ACTION.weightedClusters, WeightedCluster.encode(specifier.value).finish()),
    userRetries ? new Uint8Array(0) : fieldOf(ACTION.retryPolicy, retryPolicy),
  ]);
  return mapField(route, ROUTE.action, () => edited);
}

/** The route answers 500 with this text instead of sending requests anywhere; a redirect stays one. */
export function refuseRoute(route: Uint8Array, body: string): Uint8Array {
  if (!hasField(route, ROUTE.action)) return route;
  const response = DirectResponseAction.encode({ status: 500, body: inline(body) }).finish();
  return concat([withoutFields(route, [ROUTE.action]), fieldOf(ROUTE.directResponse, response)]);
}

/** A route that Envoy Gateway lets answer 500, without a body, says why. */
export function explainRefusal(route: Uint8Array, body: string): Uint8Array {
  return mapField(route, ROUTE.directResponse, (response) => {
    if (hasField(response, DIRECT_RESPONSE.body) || hasField(response, DIRECT_RESPONSE.bodyFormat)) return response;
    if (DirectResponseAction.decode(response).status !== 500) return response;
    return concat([response, DirectResponseAction.encode({ status: 0, body: inline(body) }).finish()]);
  });
}

const inline = (text: string): DirectResponseAction['body'] => ({
  specifier: { $case: 'inlineString', value: text },
  watchedDirectory: undefined,
});

type Specifier = { $case: 'cluster'; value: string } | { $case: 'weightedClusters'; value: WeightedCluster };

/** Undefined: a header or something else names the cluster. */
function specifierOf(action: Uint8Array): Specifier | undefined {
  const weighted = valuesOf(action, ACTION.weightedClusters).at(-1);
  if (weighted === undefined) {
    const cluster = stringOf(action, ACTION.cluster);
    return cluster === '' ? undefined : { $case: 'cluster', value: cluster };
  }
  const value = readable(() => WeightedCluster.decode(weighted));
  return value && { $case: 'weightedClusters', value };
}

type Entry = WeightedCluster_ClusterWeight;

/**
 * Envoy Gateway names one cluster for a rule that has no refused references: with endpoints of its Services alone. Where
 * it splits a rule, it names the clusters of its Services with their weights, and `invalid-backend-cluster` with those of
 * references that it refused or that have no endpoints; custom backends it leaves out. Its weights are those of the
 * backendRefs, as ours are.
 */
function replaceClusters(specifier: Specifier, rule: RuleShares): Specifier | 'nothing' | undefined {
  if (specifier.$case === 'cluster') {
    if (!rule.clusters.has(specifier.value)) return undefined;
    const [only, ...others] = rule.shares.filter((s) => s.weight > 0);
    if (only && others.length === 0 && rule.serviceWeight === 0) return { $case: 'cluster', value: only.cluster };
    const entries = [
      toEntry(specifier.value, rule.serviceWeight),
      ...rule.shares.map((s) => toEntry(s.cluster, s.weight)),
    ];
    return toSpecifier(WeightedCluster.fromPartial({}), entries);
  }
  const old = specifier.value.clusters;
  const isReplaced = (entry: Entry): boolean => {
    if (!rule.clusters.has(entry.name)) return false;
    const index = rule.clusters.get(entry.name);
    return index === undefined || rule.shares.some((s) => s.index === index);
  };
  const kept = old.filter((e) => !isReplaced(e));
  const replaced = old.filter(isReplaced);
  const whole = replaced.find((e) => rule.clusters.get(e.name) === undefined);
  const shares = accepted(rule, weightOf(kept.filter((e) => e.name === invalidCluster)));
  const mean = Math.round(weightOf(kept) / (kept.length || 1)) || 1;
  const ours = shares.map((s) => ({
    ...toEntry(s.cluster, rule.guessed && replaced.length === 0 ? mean : s.weight),
    // What Envoy Gateway set on the entry (headers, say) goes for what stands in its place.
    ...rest(replaced.find((e) => rule.clusters.get(e.name) === s.index) ?? whole),
  }));
  if (whole) ours.unshift({ ...whole, weight: rule.serviceWeight });
  // An entry for the whole rule: its weight is the truth about how the rest compares with ours.
  const [total, own] = [whole?.weight ?? 0, weightOf(ours)];
  const [ourFactor, theirFactor] = kept.length === 0 || total === own || total === 0 ? [1, 1] : [total, own];
  return toSpecifier(specifier.value, [...scaled(kept, theirFactor), ...scaled(ours, ourFactor)]);
}

/** Without those that Envoy Gateway refused: their weights are in the share that it lets fail. */
function accepted({ shares }: RuleShares, failing: number): readonly Share[] {
  if (failing === 0) return shares;
  const missing = sum(shares.map((s) => (s.refused === 'surely' ? s.weight : 0)));
  return shares.filter((s) => s.refused === undefined || (s.refused === 'perhaps' && failing <= missing));
}

const scaled = (entries: readonly Entry[], factor: number): Entry[] =>
  factor === 1 ? [...entries] : entries.map((e) => ({ ...e, weight: (e.weight ?? 0) * factor }));

/** All of an entry but the cluster that it names. */
function rest(entry: Entry | undefined): Partial<Entry> {
  if (entry === undefined) return {};
  const { name: _name, weight: _weight, ...others } = entry;
  return others;
}

function toSpecifier(base: WeightedCluster, entries: readonly Entry[]): Specifier | 'nothing' {
  const used = fit(merged(entries.filter((c) => (c.weight ?? 0) > 0).map((c) => ({ ...c }))));
  const [only] = used;
  if (only === undefined) return 'nothing';
  if (used.length === 1 && isBare(only)) return { $case: 'cluster', value: only.name };
  return { $case: 'weightedClusters', value: { ...base, clusters: used, totalWeight: undefined } };
}

/** Envoy's limit for the sum of weights. */
const maxTotal = 2 ** 32 - 1;

function fit(clusters: Entry[]): Entry[] {
  const total = weightOf(clusters);
  if (total <= maxTotal) return clusters;
  const factor = (maxTotal - clusters.length) / total;
  return clusters.map((c) => ({ ...c, weight: Math.max(1, Math.floor((c.weight ?? 0) * factor)) }));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const weightOf = (entries: readonly Entry[]): number => sum(entries.map((e) => e.weight ?? 0));

const toEntry = (name: string, weight: number): Entry => WeightedCluster_ClusterWeight.fromPartial({ name, weight });

/** Nothing but a name and a weight. */
const isBare = (c: Entry): boolean =>
  WeightedCluster_ClusterWeight.encode({ ...c, name: '', weight: undefined }).finish().length === 0;

/** The same cluster twice (two references to one service, say) is one with both weights. */
function merged(entries: readonly Entry[]): Entry[] {
  const bare = new Map<string, Entry>();
  return entries.filter((e) => {
    if (!isBare(e)) return true;
    const known = bare.get(e.name);
    if (known === undefined) bare.set(e.name, e);
    else known.weight = (known.weight ?? 0) + (e.weight ?? 0);
    return known === undefined;
  });
}

/**
 * On another host, and only where no backend has seen the request: it could not connect, refused the stream, or the
 * connection broke before the request was on its way. So a killed backend costs no more than what it was working on.
 * The third attempt leaves the priority of the first two: where all machines of a tier are down and not yet known to be,
 * the next tier answers.
 */
const retryPolicy = RetryPolicy.encode(
  RetryPolicy.fromPartial({
    retryOn: 'connect-failure,refused-stream,reset-before-request',
    numRetries: 3,
    retryHostPredicate: [
      {
        name: 'envoy.retry_host_predicates.previous_hosts',
        configType: {
          $case: 'typedConfig',
          value: pack(
            'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
            PreviousHostsPredicate,
            PreviousHostsPredicate.fromPartial({}),
          ),
        },
      },
    ],
    // Least-connections prefers the host that just failed, as it has the fewest requests: ask until it names another.
    hostSelectionRetryMaxAttempts: 100n,
    retryPriority: {
      name: 'envoy.retry_priorities.previous_priorities',
      configType: {
        $case: 'typedConfig',
        value: pack(
          'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
          PreviousPrioritiesConfig,
          PreviousPrioritiesConfig.fromPartial({ updateFrequency: 2 }),
        ),
      },
    },
  }),
).finish();
