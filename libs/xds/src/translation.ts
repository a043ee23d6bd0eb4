import { type BackendRef, type MeshModel, routeKey, serviceKey } from '@tsgateway/model';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { Route } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { bind, type Binding, bindingKey, bindWithoutRoute, type StampedRule } from './binding.ts';
import { hash8 } from './hash.ts';
import { parseRuleClusterName, type RuleClusterName, serviceClusterName } from './names.ts';
import { type ClusterShare, editRoute } from './route-edit.ts';
import { serviceCluster, sharedSettings } from './service-cluster.ts';
import { readStamp, type StampedBackend } from './stamp.ts';
import { readTranslation, type TranslationParts, writeTranslation } from './splice.ts';
import { mapField, stringOf, valuesOf } from './wire.ts';

/** A translation of Envoy Gateway, with what concerns us found in it. */
export interface StampedTranslation {
  readonly parts: TranslationParts;
  /** By the name of the rule (`httproute/<ns>/<name>/rule/<i>`). */
  readonly rules: ReadonlyMap<string, TranslatedRule>;
  /** The model revision that Envoy Gateway was told to ask for (TailscaleGatewaySync); 0n: none. */
  readonly revision: bigint;
}

export interface TranslatedRule extends StampedRule {
  readonly clusters: readonly { readonly name: RuleClusterName; readonly text: string; readonly bytes: Uint8Array }[];
}

/** Field numbers. */
const CLUSTER_NAME = 1;
const CONTEXT_RESOURCES = 1;
const UNSTRUCTURED_BYTES = 1;
const ROUTE_CONFIGURATION = { virtualHosts: 2 } as const;
const VIRTUAL_HOST = { routes: 3, retryPolicy: 16, retryPolicyTypedConfig: 20 } as const;
const ROUTE = { action: 2 } as const;
const ROUTE_ACTION = { cluster: 1, weightedClusters: 3 } as const;
const WEIGHTED_CLUSTERS = { clusters: 1 } as const;
const CLUSTER_WEIGHT = { name: 1 } as const;

/**
 * Finds our stamps in a serialized PostTranslateModifyRequest; the rest is not decoded.
 *
 * @throws MalformedMessageError when the request is no message.
 */
export function findStamps(request: Uint8Array): StampedTranslation {
  const parts = readTranslation(request);
  const rules = new Map<string, TranslatedRule & { clusters: TranslatedRule['clusters'][number][] }>();
  for (const bytes of parts.clusters) {
    const backends = readStamp(bytes);
    if (!backends || backends.length === 0) continue;
    const text = stringOf(bytes, CLUSTER_NAME);
    const name = parseRuleClusterName(text);
    if (!name) continue;
    const rule = rules.get(name.rule) ?? { name, backends, clusters: [] };
    rule.clusters.push({ name, text, bytes });
    rules.set(name.rule, rule);
  }
  return { parts, rules, revision: requestedRevision(parts.context) };
}

const decoder = new TextDecoder();

function requestedRevision(context: readonly Uint8Array[]): bigint {
  let highest = 0n;
  for (const message of context) {
    for (const resource of valuesOf(message, CONTEXT_RESOURCES)) {
      for (const json of valuesOf(resource, UNSTRUCTURED_BYTES)) {
        const revision = syncRevision(decoder.decode(json));
        if (revision > highest) highest = revision;
      }
    }
  }
  return highest;
}

function syncRevision(json: string): bigint {
  try {
    const { kind, spec } = JSON.parse(json) as { kind?: unknown; spec?: { revision?: unknown } };
    const revision = String(spec?.revision ?? '');
    return kind === 'TailscaleGatewaySync' && /^\d{1,20}$/.test(revision) ? BigInt(revision) : 0n;
  } catch {
    return 0n;
  }
}

/** Why the model is behind what Envoy Gateway has seen; empty: it is not. */
export function whyBehind(translation: StampedTranslation, model: MeshModel): string[] {
  const reasons: string[] = [];
  if (model.revision < translation.revision) {
    reasons.push(`revision ${String(translation.revision)} was announced, the model has ${String(model.revision)}`);
  }
  for (const rule of translation.rules.values()) {
    for (const backend of rule.backends) {
      const known = model.services.get(serviceKey(backend));
      if (known && known.generation >= backend.generation) continue;
      const has = known ? `generation ${known.generation}` : 'none';
      reasons.push(`${serviceKey(backend)} has generation ${backend.generation}, the model has ${has}`);
    }
    if (!bind(rule, model)) {
      const { routeKind: kind, namespace, name } = rule.name;
      const generation = model.routes.get(routeKey({ kind, namespace, name }))?.generation;
      const copy = generation === undefined ? 'none of the route' : `generation ${generation} of the route, without it`;
      reasons.push(
        `${rule.name.rule} has a rule with ${rule.backends.map(serviceKey).join(', ')}, the model has ${copy}`,
      );
    }
  }
  return reasons;
}

export interface TranslateOptions {
  readonly model: MeshModel;
  /** The CA bundle in Envoy's file system; undefined: certificates of HTTPS machines are not verified. */
  readonly caFile: string | undefined;
  /** What `Translated.bindings` of earlier translations said, by its keys. */
  readonly remembered: (key: string) => readonly BackendRef[] | undefined;
}

export interface Translated {
  /** A serialized PostTranslateModifyResponse. */
  readonly response: Uint8Array;
  /** Rules that could not be bound as they should, and what was done instead. */
  readonly degraded: readonly { readonly rule: string; readonly source: Binding['source'] }[];
  /** The shares of rules that were bound to our copy of their route, to be remembered. */
  readonly bindings: ReadonlyMap<string, readonly BackendRef[]>;
}

/**
 * Sends the traffic of stamped rules to clusters of ours, one for each service, port and kind of settings. All other
 * resources stay as they are, byte by byte and in order; ours follow, sorted by name. Deterministic.
 *
 * One bad resource never costs the others: a cluster or route that cannot be decoded stays as it is.
 *
 * @throws MalformedMessageError when a route configuration is no message.
 */
export function translate(translation: StampedTranslation, options: TranslateOptions): Translated {
  const { parts, rules } = translation;
  const clusters = new ServiceClusters(options);
  const degraded: { rule: string; source: Binding['source'] }[] = [];
  const bindings = new Map<string, readonly BackendRef[]>();
  const shares = new Map<string, readonly ClusterShare[]>();

  for (const rule of rules.values()) {
    const key = bindingKey(rule);
    const bound = bind(rule, options.model);
    const binding = bound ?? bindWithoutRoute(rule, options.remembered(key));
    if (bound) bindings.set(key, bound.refs);
    if (binding.source !== 'exact') degraded.push({ rule: rule.name.rule, source: binding.source });
    const found = sharesOf(rule, binding, clusters);
    if (found) for (const cluster of rule.clusters) shares.set(cluster.text, found);
  }

  const used = new Set<string>();
  const routes = parts.routes.map((r) => editRouteConfiguration(r, { shares, used }));
  const stamped = new Set([...rules.values()].flatMap((r) => r.clusters.map((c) => c.text)));
  const kept = parts.clusters.filter((c) => {
    const name = stringOf(c, CLUSTER_NAME);
    // Without a route it would only stand there, without endpoints.
    return !stamped.has(name) || used.has(name) || !shares.has(name) || parts.routes.length === 0;
  });
  return {
    response: writeTranslation({ ...parts, clusters: [...kept, ...clusters.encoded(used)], routes }),
    degraded,
    bindings,
  };
}

/** Undefined: none of the rule's clusters can be decoded, so it stays with Envoy Gateway's. */
function sharesOf(rule: TranslatedRule, binding: Binding, clusters: ServiceClusters): ClusterShare[] | undefined {
  const base = rule.clusters.map((c) => tryDecode(c.bytes)).find((c) => c !== undefined);
  if (!base) return undefined;
  return binding.refs.flatMap((ref, index) => {
    if (ref.kind === 'TailscaleServices' || ref.kind === 'TailscaleEndpoints') {
      return [{ cluster: clusters.nameFor({ ...ref, kind: ref.kind }, base), weight: ref.weight }];
    }
    // A plain Service: in its own cluster where Envoy Gateway split the rule, else in the rule's.
    const own =
      rule.clusters.find((c) => c.name.backendIndex === index) ??
      rule.clusters.find((c) => c.name.backendIndex === undefined);
    return own ? [{ cluster: own.text, weight: ref.weight }] : [];
  });
}

function tryDecode(bytes: Uint8Array): Cluster | undefined {
  try {
    return Cluster.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The clusters of ours in one translation. */
class ServiceClusters {
  readonly #options: TranslateOptions;
  readonly #clusters = new Map<string, Uint8Array>();
  /** The first settings seen for a service and port: their cluster has the plain name. */
  readonly #plain = new Map<string, string>();

  constructor(options: TranslateOptions) {
    this.#options = options;
  }

  nameFor(ref: Pick<StampedBackend, 'kind' | 'namespace' | 'name'> & { port: number }, base: Cluster): string {
    const settings = hash8(sharedSettings(base));
    const plain = serviceClusterName(ref);
    const first = this.#plain.get(plain) ?? settings;
    this.#plain.set(plain, first);
    const name = first === settings ? plain : serviceClusterName({ ...ref, variant: settings });
    if (!this.#clusters.has(name)) {
      const service = this.#options.model.services.get(serviceKey(ref));
      const cluster = serviceCluster({ name, base, service, caFile: this.#options.caFile });
      this.#clusters.set(name, Cluster.encode(cluster).finish());
    }
    return name;
  }

  /** Those that a route uses, sorted by name. */
  encoded(used: ReadonlySet<string>): Uint8Array[] {
    return [...this.#clusters]
      .filter(([name]) => used.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, bytes]) => bytes);
  }
}

/** Edits the routes that name a replaced cluster, and notes in `used` which clusters all routes name in the end. */
function editRouteConfiguration(
  configuration: Uint8Array,
  { shares, used }: { shares: ReadonlyMap<string, readonly ClusterShare[]>; used: Set<string> },
): Uint8Array {
  return mapField(configuration, ROUTE_CONFIGURATION.virtualHosts, (host) => {
    const hostRetries = has(host, VIRTUAL_HOST.retryPolicy) || has(host, VIRTUAL_HOST.retryPolicyTypedConfig);
    return mapField(host, VIRTUAL_HOST.routes, (route) => {
      const before = clustersOf(route);
      const edited = before.some((c) => shares.has(c))
        ? tryEdit(route, { sharesOf: (c) => shares.get(c), hostRetries })
        : route;
      for (const cluster of edited === route ? before : clustersOf(edited)) used.add(cluster);
      return edited;
    });
  });
}

function tryEdit(route: Uint8Array, edit: Parameters<typeof editRoute>[1]): Uint8Array {
  let decoded: Route;
  try {
    decoded = Route.decode(route);
  } catch {
    return route;
  }
  const edited = editRoute(decoded, edit);
  return edited ? Route.encode(edited).finish() : route;
}

/** The names of the clusters that a route sends requests to. */
function clustersOf(route: Uint8Array): string[] {
  const names: string[] = [];
  for (const action of valuesOf(route, ROUTE.action)) {
    const cluster = stringOf(action, ROUTE_ACTION.cluster);
    if (cluster !== '') names.push(cluster);
    for (const weighted of valuesOf(action, ROUTE_ACTION.weightedClusters)) {
      for (const entry of valuesOf(weighted, WEIGHTED_CLUSTERS.clusters))
        names.push(stringOf(entry, CLUSTER_WEIGHT.name));
    }
  }
  return names;
}

const has = (message: Uint8Array, field: number): boolean => !valuesOf(message, field).next().done;
