import { type BackendRef, type MeshModel, routeKey, serviceKey } from '@tsgateway/model';
import { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { bind, type Binding, bindingKey, bindWithoutRoute, type StampedRule } from './binding.ts';
import { hash8 } from './hash.ts';
import { parseRuleClusterName, type RuleClusterName, serviceClusterName } from './names.ts';
import { type ClusterShare, clustersOf, editRoute } from './route-edit.ts';
import { serviceCluster, sharedSettings } from './service-cluster.ts';
import { metadataKey, readStamp, type StampedBackend } from './stamp.ts';
import { readTranslation, type TranslationParts, writeTranslation } from './splice.ts';
import { hasField, mapField, stringOf, valuesOf } from './wire.ts';

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

/**
 * Finds our stamps in a serialized PostTranslateModifyRequest; the rest is not decoded.
 *
 * @throws MalformedMessageError when the request is no message.
 */
export function findStamps(request: Uint8Array): StampedTranslation {
  const parts = readTranslation(request);
  const rules = new Map<string, TranslatedRule & { clusters: TranslatedRule['clusters'][number][] }>();
  for (const bytes of withText(parts.clusters, metadataKey)) {
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

/** Those messages that have the text anywhere in them: most have not, and need not be walked. */
function withText(messages: readonly Uint8Array[], text: string): Uint8Array[] {
  return messages.filter((m) => Buffer.from(m.buffer, m.byteOffset, m.length).includes(text));
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
  const routes =
    shares.size === 0 ? parts.routes : parts.routes.map((r) => editRouteConfiguration(r, { shares, used }));
  // Without a route, Envoy Gateway's own cluster would only stand there, without endpoints.
  const replaced = [...rules.values()].flatMap((r) =>
    r.clusters.filter((c) => shares.has(c.text) && !used.has(c.text)),
  );
  const dropped = new Set(parts.routes.length === 0 ? [] : replaced.map((c) => c.bytes));
  const kept = parts.clusters.filter((c) => !dropped.has(c));
  return {
    response: writeTranslation({ ...parts, clusters: [...kept, ...clusters.encoded(used)], routes }),
    degraded,
    bindings,
  };
}

/** Undefined: none of the rule's clusters can be decoded, so it stays with Envoy Gateway's. */
function sharesOf(rule: TranslatedRule, binding: Binding, clusters: ServiceClusters): ClusterShare[] | undefined {
  const base = rule.clusters.map((c) => clusters.baseOf(c.bytes)).find((b) => b !== undefined);
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

/** A cluster of Envoy Gateway's, and the hash of what others may have in common with it. */
interface Base {
  readonly settings: string;
  readonly cluster: Cluster;
}

/** The clusters of ours in one translation. */
class ServiceClusters {
  readonly #options: TranslateOptions;
  readonly #clusters = new Map<string, Uint8Array>();
  /** The first settings seen for a service and port: their cluster has the plain name. */
  readonly #plain = new Map<string, string>();
  /** By the hash of its settings, one of Envoy Gateway's clusters that has them; undefined: it cannot be decoded. */
  readonly #bases = new Map<string, Cluster | undefined>();

  constructor(options: TranslateOptions) {
    this.#options = options;
  }

  /** What clusters of ours are made from; undefined: the bytes cannot be decoded. */
  baseOf(bytes: Uint8Array): Base | undefined {
    const settings = hash8(sharedSettings(bytes));
    if (!this.#bases.has(settings)) this.#bases.set(settings, tryDecode(bytes));
    const cluster = this.#bases.get(settings);
    return cluster && { settings, cluster };
  }

  nameFor(ref: Pick<StampedBackend, 'kind' | 'namespace' | 'name'> & { port: number }, base: Base): string {
    const plain = serviceClusterName(ref);
    const first = this.#plain.get(plain) ?? base.settings;
    this.#plain.set(plain, first);
    const name = first === base.settings ? plain : serviceClusterName({ ...ref, variant: base.settings });
    if (!this.#clusters.has(name)) {
      const service = this.#options.model.services.get(serviceKey(ref));
      const cluster = serviceCluster({ name, base: base.cluster, service, caFile: this.#options.caFile });
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

/** Edits the routes that name a replaced cluster, and notes in `used` which clusters these name in the end. */
function editRouteConfiguration(
  configuration: Uint8Array,
  { shares, used }: { shares: ReadonlyMap<string, readonly ClusterShare[]>; used: Set<string> },
): Uint8Array {
  return mapField(configuration, ROUTE_CONFIGURATION.virtualHosts, (host) => {
    const hostRetries = hasField(host, VIRTUAL_HOST.retryPolicy) || hasField(host, VIRTUAL_HOST.retryPolicyTypedConfig);
    return mapField(host, VIRTUAL_HOST.routes, (route) => {
      const before = clustersOf(route);
      if (!before.some((c) => shares.has(c))) return route;
      const edited = editRoute(route, { sharesOf: (c) => shares.get(c), hostRetries });
      for (const cluster of clustersOf(edited)) used.add(cluster);
      return edited;
    });
  });
}

function tryDecode(bytes: Uint8Array): Cluster | undefined {
  try {
    return Cluster.decode(bytes);
  } catch {
    return undefined;
  }
}
