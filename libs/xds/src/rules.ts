import { HttpProtocolOptions } from '@tsgateway/protos/envoy/extensions/upstreams/http/v3/http_protocol_options';
import { type Clue, clueKey, type RuleView } from './binding.ts';
import { matchOfRoute } from './grpc-match.ts';
import { parseRuleClusterName, type RuleClusterName } from './names.ts';
import { readTranslation, type Resource, type TranslationParts } from './splice.ts';
import { metadataKey, readRuleName, readStamp } from './stamp.ts';
import { FieldCursor, readable, stringOf, valuesOf } from './wire.ts';

/** A translation of Envoy Gateway, with what may concern us found in it. */
export interface FoundTranslation {
  readonly parts: TranslationParts;
  /** By the name of the rule (`httproute/<ns>/<name>/rule/<i>`). */
  readonly rules: ReadonlyMap<string, FoundRule>;
  /** The model revision that Envoy Gateway was told to ask for (TailscaleGatewaySync); 0n: none. */
  readonly revision: bigint;
}

export interface FoundRule extends RuleView {
  readonly clusters: readonly RuleCluster[];
  /** All of its clusters look like those of custom backends alone; always so with a stamp. */
  readonly looksCustom: boolean;
}

export interface RuleCluster {
  readonly name: RuleClusterName;
  readonly text: string;
  readonly resource: Resource;
  readonly bytes: Uint8Array;
}

/** Field numbers. */
const CLUSTER = { name: 1, altStatName: 28, protocolOptions: 36 } as const;
const ENTRY_VALUE = 2;
const ANY_VALUE = 2;
const VIRTUAL_HOSTS = 2;
const ROUTES = 3;
const ROUTE = { match: 1, name: 14 } as const;

/**
 * Finds the rules in a serialized PostTranslateModifyRequest that may have backends of ours: those with a stamp, those
 * of GRPCRoutes (for which Envoy Gateway calls no Cluster hook), and, where nothing is stamped, those whose clusters'
 * stats are named by their backends (`clusterStatName: "%BACKEND_REFS%"`). The rest is not decoded.
 *
 * @throws MalformedMessageError when the request is no message.
 */
export function findRules(request: Uint8Array): FoundTranslation {
  const parts = readTranslation(request);
  const found = new Map<string, Found>();
  const stamped = stampedClusters(parts);
  for (const resource of stamped) {
    const bytes = request.subarray(resource.from, resource.to);
    const backends = readable(() => readStamp(bytes));
    if (!backends || backends.length === 0) continue;
    add(found, { resource, bytes, looksCustom: true, clue: () => ({ from: 'stamp', backends }) });
  }
  const unclear: Found[] = [];
  for (const resource of unstampedClusters(parts, stamped)) {
    const bytes = request.subarray(resource.from, resource.to);
    const clue = (): Clue => {
      const refs = refsOf(stringOf(bytes, CLUSTER.altStatName));
      if (refs) return { from: 'stat-name', refs };
      const ruleName = readRuleName(bytes);
      return ruleName === undefined ? { from: 'matches', matches: new Set() } : { from: 'rule-name', ruleName };
    };
    const rule = readable(() => add(found, { resource, bytes, looksCustom: !speaksHttp2(bytes), clue }));
    if (rule?.clue.from === 'matches') unclear.push(rule);
  }
  if (unclear.length > 0) readable(() => findMatches(parts, found));
  count(found);
  return { parts, rules: found, revision: requestedRevision(parts.context) };
}

interface Found extends FoundRule {
  clusters: RuleCluster[];
  looksCustom: boolean;
  nth: number;
  of: number;
}

function add(
  rules: Map<string, Found>,
  cluster: { resource: Resource; bytes: Uint8Array; looksCustom: boolean; clue: () => Clue },
): Found | undefined {
  const { resource, bytes } = cluster;
  const text = stringOf(bytes, CLUSTER.name);
  const name = parseRuleClusterName(text);
  if (!name) return undefined;
  const known = rules.get(name.rule);
  const rule: Found = known ?? {
    ...{ name, clue: cluster.clue(), clusters: [], looksCustom: true, nth: 0, of: 1 },
    ruleName: () => readRuleName(bytes),
  };
  rule.clusters.push({ name, text, resource, bytes });
  rule.looksCustom &&= cluster.looksCustom;
  if (!known) rules.set(name.rule, rule);
  return rule;
}

/** As a map's key: its tag, its length, itself. */
const stampKey = Uint8Array.from([10, metadataKey.length, ...new TextEncoder().encode(metadataKey)]);

/** The clusters that have the key of a stamp in them. One search over all: most have not, and need not be walked. */
function stampedClusters({ request, clusters }: TranslationParts): Resource[] {
  const last = clusters.at(-1);
  if (!last) return [];
  const searched = Buffer.from(request.buffer, request.byteOffset, last.to);
  const found: Resource[] = [];
  let at = searched.indexOf(stampKey, clusters[0]?.from ?? 0);
  for (const cluster of clusters) {
    if (at === -1) break;
    if (at >= cluster.to) continue;
    if (at >= cluster.from) found.push(cluster);
    at = searched.indexOf(stampKey, cluster.to);
  }
  return found;
}

const grpcRoute = new TextEncoder().encode('grpcroute/');
const httpRoute = new TextEncoder().encode('httproute/');

/** The clusters of GRPCRoutes' rules; those of HTTPRoutes where the first is named by its backends. */
function* unstampedClusters({ request, clusters }: TranslationParts, stamped: readonly Resource[]) {
  const skipped = new Set(stamped);
  const field = new FieldCursor(request);
  // With stamps, a rule of an HTTPRoute without one has nothing of ours.
  let named: boolean | undefined = stamped.length > 0 ? false : undefined;
  for (const resource of clusters) {
    // Serializers write the name first; where one does not, the cluster is none of Envoy Gateway's.
    const first = readable(() => field.enter(resource.from, resource.to).next()) === true;
    if (!first || field.number !== CLUSTER.name) continue;
    if (startsWith(request, field.valueStart, grpcRoute)) {
      if (!skipped.has(resource)) yield resource;
    } else if (named !== false && startsWith(request, field.valueStart, httpRoute)) {
      if (named === undefined) {
        const bytes = request.subarray(resource.from, resource.to);
        // Mirrors' clusters, whose stats are not named, begin alike.
        if (!parseRuleClusterName(readable(() => stringOf(bytes, CLUSTER.name)) ?? '')) continue;
        named = readable(() => refsOf(stringOf(bytes, CLUSTER.altStatName))) !== undefined;
      }
      if (named) yield resource;
    }
  }
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** `<namespace>/<name>` of each backend, "" for one without weight; undefined: the text is no such list. */
function refsOf(statName: string): string[] | undefined {
  const refs = statName.split('|');
  return statName !== '' && refs.every((r) => r === '' || /^[^/]+\/[^/]+$/.test(r)) ? refs : undefined;
}

/** Envoy Gateway makes clusters so for Services of a GRPCRoute; for custom backends alone it says nothing. */
function speaksHttp2(cluster: Uint8Array): boolean {
  const entries = valuesOf(cluster, CLUSTER.protocolOptions);
  const options = entries.flatMap((e) => valuesOf(e, ENTRY_VALUE)).flatMap((any) => valuesOf(any, ANY_VALUE));
  return options.some((value) => {
    const decoded = readable(() => HttpProtocolOptions.decode(value));
    if (!decoded) return true; // Not to be understood: not to be touched.
    const protocol = decoded.upstreamProtocolOptions;
    if (protocol?.$case !== 'explicitHttpConfig') return protocol !== undefined;
    return protocol.value.protocolConfig?.$case === 'http2ProtocolOptions';
  });
}

/** Adds to GRPCRoutes' rules without a name how their routes match. */
function findMatches({ request, routes }: TranslationParts, rules: ReadonlyMap<string, Found>): void {
  forEachRoute(request, routes, (route) => {
    const name = stringOf(route, ROUTE.name);
    const clue = name.startsWith('grpcroute/') ? rules.get(ruleOfRoute(name) ?? '')?.clue : undefined;
    if (clue?.from !== 'matches') return;
    const match = valuesOf(route, ROUTE.match).at(-1);
    (clue.matches as Set<string>).add((match && matchOfRoute(match)) ?? '?');
  });
}

function forEachRoute(request: Uint8Array, configurations: readonly Resource[], use: (route: Uint8Array) => void) {
  for (const { from, to } of configurations) {
    const host = new FieldCursor(request, from, to);
    const route = new FieldCursor(request);
    while (host.nextBytes(VIRTUAL_HOSTS)) {
      route.enter(host.valueStart, host.end);
      while (route.nextBytes(ROUTES)) use(request.subarray(route.valueStart, route.end));
    }
  }
}

/** The rule in Envoy Gateway's name of a route: `<rule>/match/<i>/<host>`. */
export function ruleOfRoute(name: string): string | undefined {
  const end = name.indexOf('/match/');
  return end === -1 ? undefined : name.slice(0, end);
}

/** Numbers the rules of a route that have the same clue. */
function count(rules: ReadonlyMap<string, Found>): void {
  const alike = new Map<string, Found[]>();
  for (const rule of rules.values()) {
    const key = clueKey(rule);
    const known = alike.get(key);
    if (known) known.push(rule);
    else alike.set(key, [rule]);
  }
  for (const group of alike.values()) {
    if (group.length === 1) continue;
    group.sort((a, b) => a.name.ruleIndex - b.name.ruleIndex);
    for (const [nth, rule] of group.entries()) Object.assign(rule, { nth, of: group.length });
  }
}

const CONTEXT_RESOURCES = 1;
const UNSTRUCTURED_BYTES = 1;
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
