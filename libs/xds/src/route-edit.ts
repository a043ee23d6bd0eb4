import {
  DirectResponseAction,
  RetryPolicy,
  WeightedCluster,
  WeightedCluster_ClusterWeight,
} from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { PreviousHostsPredicate } from '@tsgateway/protos/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts';
import { PreviousPrioritiesConfig } from '@tsgateway/protos/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config';
import { pack } from './any.ts';
import { concat, fieldOf, hasField, mapField, stringOf, valuesOf, withoutFields } from './wire.ts';

/** A cluster and its share of a rule's requests. */
export interface ClusterShare {
  readonly cluster: string;
  readonly weight: number;
}

export interface RouteEdit {
  /** The shares that stand for a cluster that Envoy Gateway named; undefined: it is not ours to replace. */
  readonly sharesOf: (cluster: string) => readonly ClusterShare[] | undefined;
  /** The virtual host has a retry policy of its own. */
  readonly hostRetries: boolean;
}

/** Field numbers. */
const ROUTE = { action: 2, directResponse: 7 } as const;
const ACTION = { cluster: 1, weightedClusters: 3, retryPolicy: 9, retryPolicyTypedConfig: 33 } as const;
const WEIGHTED_CLUSTERS = { clusters: 1 } as const;
const CLUSTER_WEIGHT = { name: 1 } as const;

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
 * byte. The very same array where the route has nothing of ours, or names its clusters in a way that cannot be read.
 */
export function editRoute(route: Uint8Array, edit: RouteEdit): Uint8Array {
  const action = valuesOf(route, ROUTE.action).at(-1);
  if (action === undefined) return route;
  const specifier = replaceClusters(specifierOf(action), edit.sharesOf);
  if (specifier === undefined) return route;
  // As Gateway API asks of a rule in which nothing has a weight.
  if (specifier === 'nothing') {
    return concat([withoutFields(route, [ROUTE.action]), fieldOf(ROUTE.directResponse, internalServerError)]);
  }
  const userRetries =
    edit.hostRetries || hasField(action, ACTION.retryPolicy) || hasField(action, ACTION.retryPolicyTypedConfig);
  const edited = concat([
    withoutFields(action, [ACTION.cluster, ACTION.weightedClusters]),
    specifier.$case === 'cluster'
      ? fieldOf(ACTION.cluster, new TextEncoder().encode(specifier.value))
      : fieldOf(ACTION.weightedClusters, WeightedCluster.encode(specifier.value).finish()),
    userRetries ? new Uint8Array(0) : fieldOf(ACTION.retryPolicy, retryPolicy),
  ]);
  return mapField(route, ROUTE.action, () => edited);
}

type Specifier = { $case: 'cluster'; value: string } | { $case: 'weightedClusters'; value: WeightedCluster };

function specifierOf(action: Uint8Array): Specifier | undefined {
  const weighted = valuesOf(action, ACTION.weightedClusters).at(-1);
  if (weighted === undefined) return { $case: 'cluster', value: stringOf(action, ACTION.cluster) };
  try {
    return { $case: 'weightedClusters', value: WeightedCluster.decode(weighted) };
  } catch {
    return undefined;
  }
}

function replaceClusters(
  specifier: Specifier | undefined,
  sharesOf: RouteEdit['sharesOf'],
): Specifier | 'nothing' | undefined {
  if (specifier?.$case === 'cluster') {
    const shares = sharesOf(specifier.value);
    return shares && toSpecifier(WeightedCluster.fromPartial({}), merged(shares).map(toWeight));
  }
  if (specifier === undefined) return undefined;
  const old = specifier.value.clusters;
  // A rule with a cluster for each backend names several that stand for the same shares: they count once.
  const sharesByEntry = new Map(old.map((c) => [c, sharesOf(c.name)]));
  const distinct = new Set([...sharesByEntry.values()].filter((s) => s !== undefined));
  if (distinct.size === 0) return undefined;
  const shares = merged([...distinct].flat());
  const replaced = old.filter((c) => sharesByEntry.get(c));
  const kept = old.filter((c) => !replaced.includes(c));
  // Envoy Gateway's total is the truth about how the rest (refused references) compares with ours.
  const total = sum(replaced.map((c) => c.weight ?? 0));
  const own = sum(shares.map((s) => s.weight));
  const [ourFactor, theirFactor] = kept.length === 0 || total === own || total === 0 ? [1, 1] : [total, own];
  const [template] = replaced;
  return toSpecifier(specifier.value, [
    ...kept.map((c) => ({ ...c, weight: (c.weight ?? 0) * theirFactor })),
    // What Envoy Gateway set on the entry (headers of the rule) goes for each of its shares.
    ...shares.map((s) => ({ ...toWeight(s), ...rest(template), weight: s.weight * ourFactor })),
  ]);
}

/** All of an entry but the cluster that it names. */
function rest(entry: WeightedCluster_ClusterWeight | undefined): Partial<WeightedCluster_ClusterWeight> {
  if (entry === undefined) return {};
  const { name: _name, weight: _weight, ...others } = entry;
  return others;
}

function toSpecifier(base: WeightedCluster, clusters: WeightedCluster_ClusterWeight[]): Specifier | 'nothing' {
  const used = fit(clusters.filter((c) => (c.weight ?? 0) > 0));
  const [only] = used;
  if (only === undefined) return 'nothing';
  if (used.length === 1 && isBare(only)) return { $case: 'cluster', value: only.name };
  return { $case: 'weightedClusters', value: { ...base, clusters: used, totalWeight: undefined } };
}

/** Envoy's limit for the sum of weights. */
const maxTotal = 2 ** 32 - 1;

function fit(clusters: WeightedCluster_ClusterWeight[]): WeightedCluster_ClusterWeight[] {
  const total = sum(clusters.map((c) => c.weight ?? 0));
  if (total <= maxTotal) return clusters;
  const factor = (maxTotal - clusters.length) / total;
  return clusters.map((c) => ({ ...c, weight: Math.max(1, Math.floor((c.weight ?? 0) * factor)) }));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const toWeight = (s: ClusterShare): WeightedCluster_ClusterWeight =>
  WeightedCluster_ClusterWeight.fromPartial({ name: s.cluster, weight: s.weight });

/** Nothing but a name and a weight. */
const isBare = (c: WeightedCluster_ClusterWeight): boolean =>
  WeightedCluster_ClusterWeight.encode({ ...c, name: '', weight: undefined }).finish().length === 0;

/** The same cluster twice (two ports that lead to one, say) is one with both weights. */
function merged(shares: readonly ClusterShare[]): ClusterShare[] {
  const weights = new Map<string, number>();
  for (const s of shares) weights.set(s.cluster, (weights.get(s.cluster) ?? 0) + s.weight);
  return [...weights].map(([cluster, weight]) => ({ cluster, weight }));
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

const internalServerError = DirectResponseAction.encode({ status: 500, body: undefined }).finish();
