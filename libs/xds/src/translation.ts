import { type BackendRef, type MeshModel, serviceKey } from '@tsgateway/model';
import {
  bind,
  type Binding,
  bindingKey,
  bindWithoutRoute,
  copyOf,
  isOurs,
  portsInUse,
  type RouteCopies,
} from './binding.ts';
import { editListener } from './listener-edit.ts';
import { parseServiceClusterName } from './names.ts';
import { clustersOf, editRoute, explainRefusal, refuseRoute, type RuleShares, type Share } from './route-edit.ts';
import { type FoundRule, type FoundTranslation, ruleOfRoute } from './rules.ts';
import { ServiceClusters, type ServiceClustersOptions } from './service-clusters.ts';
import { type GatheredMessage, type Resource, writeTranslation } from './splice.ts';
import { readRuleName } from './stamp.ts';
import { FieldCursor, hasField, type Pieces, type Range, readable, replaceValues, stringOf } from './wire.ts';

/**
 * Whether a translation may have rules of ours, as far as can be said without a model. One that may not needs no model;
 * one that may is not to be answered without.
 */
export function mayHoldOurs({ rules }: FoundTranslation): boolean {
  for (const { clue, looksCustom } of rules.values()) {
    if (looksCustom || clue.from === 'stat-name') return true;
  }
  return false;
}

/** The model, and what it was before: Envoy Gateway may be behind us as well as ahead of us. */
export interface KnownModel extends MeshModel, RouteCopies {
  /** Whether there was such a service, and it is gone. */
  readonly gone?: ((serviceKey: string) => boolean) | undefined;
}

/** Why the model is behind what Envoy Gateway has seen; empty: it is not. */
export function whyBehind(translation: FoundTranslation, model: KnownModel): string[] {
  const reasons: string[] = [];
  if (model.revision < translation.revision) {
    reasons.push(`revision ${String(translation.revision)} was announced, the model has ${String(model.revision)}`);
  }
  for (const rule of translation.rules.values()) {
    for (const backend of stampedBackends(rule)) {
      const known = model.services.get(serviceKey(backend));
      if (known ? known.generation >= backend.generation : model.gone?.(serviceKey(backend))) continue;
      const has = known ? `generation ${known.generation}` : 'none';
      reasons.push(`${serviceKey(backend)} has generation ${backend.generation}, the model has ${has}`);
    }
    if (bind(rule, model) || !isOurRule(rule, model)) continue;
    const generation = copyOf(rule.name, model)?.generation;
    const copy = generation === undefined ? 'none of the route' : `generation ${generation} of the route, without it`;
    reasons.push(`${rule.name.rule} has ${cluesOf(rule)}, the model has ${copy}`);
  }
  return reasons;
}

const stampedBackends = ({ clue }: FoundRule) => (clue.from === 'stamp' ? clue.backends : []);

function cluesOf({ clue }: FoundRule): string {
  switch (clue.from) {
    case 'stamp':
      return `a rule with ${clue.backends.map(serviceKey).join(', ')}`;
    case 'stat-name':
      return `a rule with ${clue.refs.filter((r) => r !== '').join(', ')}`;
    case 'rule-name':
      return `the rule ${clue.ruleName}`;
    case 'matches':
      return `a rule for ${[...clue.matches].sort().join(' or ')}`;
  }
}

/** Whether a rule that is not in our copy of its route has backends of ours, as far as can be seen. */
function isOurRule({ name, clue, looksCustom }: FoundRule, model: Pick<MeshModel, 'routes'>): boolean {
  if (clue.from === 'stamp') return true;
  if (name.routeKind === 'GRPCRoute') return looksCustom;
  // An HTTPRoute's cluster for a Service looks just like one for us: only the names of backends tell.
  const ours = (copyOf(name, model)?.rules ?? []).flatMap((r) => r.backendRefs.filter(isOurs));
  return clue.from === 'stat-name' && ours.some((r) => clue.refs.includes(`${r.namespace}/${r.name}`));
}

export interface TranslateOptions extends ServiceClustersOptions {
  readonly model: KnownModel;
  /** The shares last known of a rule, by the key under which `bindings` gave them. */
  readonly remembered: (key: string) => readonly BackendRef[] | undefined;
  /** Envoys tell the extension servers of each request to our clusters. */
  readonly accessLog: boolean;
}

/** A rule whose requests do not go where, or not in the shares in which, its route says. */
export interface Degraded {
  readonly rule: string;
  /**
   * Of its shares, see Binding; or it answers 500: `unbound`, as our copy of its route does not have it; `invalid`, as
   * Envoy would refuse what it needs.
   */
  readonly source: Exclude<Binding['source'], 'exact'> | 'unbound' | 'invalid';
}

export interface Translated {
  /** A serialized PostTranslateModifyResponse. */
  readonly response: GatheredMessage;
  readonly degraded: readonly Degraded[];
  /** The shares of rules that were bound to our copy of their route, to be remembered. */
  readonly bindings: ReadonlyMap<string, readonly BackendRef[]>;
}

/** What becomes of a rule: where its requests go, or why they go nowhere. */
type Plan = RuleShares | { readonly refused: string };

/**
 * Sends the traffic of rules with backends of ours to clusters of ours, one for each service, port and kind of settings.
 * All other resources stay as they are, byte by byte and in order; ours follow, sorted by name. Deterministic.
 *
 * One bad resource never costs the others: a cluster, route or listener that cannot be decoded stays as it is, and a rule
 * that is not to be understood answers 500, with the reason in its body.
 */
export function translate(translation: FoundTranslation, options: TranslateOptions): Translated {
  const { parts, rules } = translation;
  const clusters = new ServiceClusters(options);
  const degraded: Degraded[] = [];
  const bindings = new Map<string, readonly BackendRef[]>();
  const plans = new Map<string, Plan>();
  /** In these, what has no weight has none in the route. */
  const exact: RuleShares[] = [];
  const portOf = portsInUse(options.model);

  for (const rule of rules.values()) {
    const bound = bind(rule, options.model);
    // Found, and it has Services only.
    if (bound ? !bound.refs.some(isOurs) : !isOurRule(rule, options.model)) continue;
    const report = (source: Degraded['source']) => degraded.push({ rule: rule.name.rule, source });
    const key = bindingKey(rule);
    const binding =
      bound ??
      (rule.clue.from === 'stamp'
        ? bindWithoutRoute(rule.clue.backends, { remembered: options.remembered(key), portOf })
        : undefined);
    if (!binding) {
      report('unbound');
      plans.set(rule.name.rule, { refused: `the backends of ${rule.name.rule} are not known yet` });
      continue;
    }
    if (bound) bindings.set(key, bound.refs);
    if (binding.source !== 'exact') report(binding.source);
    const plan = planOf(rule, binding, { clusters, model: options.model });
    if (!plan) continue;
    if ('refused' in plan) report('invalid');
    else if (binding.source === 'exact') exact.push(plan);
    plans.set(rule.name.rule, plan);
  }

  const missing = missingBackends(options.model);
  const editor = new RouteEditor({ request: parts.request, rules, plans, missing });
  const replaced = new Map<Resource, Pieces | null>();
  if (plans.size > 0 || missing.size > 0) {
    for (const configuration of parts.routes) {
      const edited = readable(() => editor.edit(configuration) ?? 'as it is');
      if (edited === undefined) editor.failed = true;
      else if (edited !== 'as it is') replaced.set(configuration, edited);
    }
    for (const listener of editor.configurations.size > 0 ? parts.listeners : []) {
      const edited = editListener(parts.request, listener, {
        routeConfigurations: editor.configurations,
        accessLog: options.accessLog,
      });
      if (edited) replaced.set(listener, edited);
    }
  }
  if (parts.routes.length > 0 && !editor.failed) {
    // Without a route, Envoy Gateway's own cluster would only stand there, without endpoints.
    for (const rule of plans.keys()) {
      for (const c of rules.get(rule)?.clusters ?? []) if (!editor.used.has(c.text)) replaced.set(c.resource, null);
    }
  }
  const wanted = new Set([...editor.used, ...standbyClusters(exact, editor.used)]);
  const response = writeTranslation(parts, { replaced, clusters: clusters.encoded(wanted) });
  return { response, degraded, bindings };
}

/**
 * The clusters of backends without weight, of rules that are in use. Envoy answers 503 for a cluster that has yet to get
 * its endpoints, also on a path that served until then: so a service that is to take over can be there before it does.
 */
function standbyClusters(rules: readonly RuleShares[], used: ReadonlySet<string>): string[] {
  return rules.flatMap(({ shares, clusters }) => {
    const inUse = shares.some((s) => used.has(s.cluster)) || [...clusters.keys()].some((name) => used.has(name));
    return inUse ? shares.filter((s) => s.weight === 0 && s.refused === undefined).map((s) => s.cluster) : [];
  });
}

/** Undefined: none of the rule's clusters can be decoded, so it stays with Envoy Gateway's. */
function planOf(
  rule: FoundRule,
  binding: Binding,
  { clusters, model }: { clusters: ServiceClusters; model: MeshModel },
): Plan | undefined {
  const { namespace, routeKind } = rule.name;
  const guessed = binding.source === 'equal';
  const names = new Map(rule.clusters.map((c) => [c.text, c.name.backendIndex]));
  const shares: Share[] = [];
  let serviceWeight = 0;
  for (const [position, ref] of binding.refs.entries()) {
    // Where nothing is known, positions are not either.
    const index = guessed ? -1 : position;
    if (!Number.isInteger(ref.weight) || ref.weight < 0 || ref.weight > maxWeight) {
      return { refused: `${serviceName(ref)} has the weight ${ref.weight}` };
    }
    const { kind } = ref;
    if (!isOurs(ref) || (kind !== 'TailscaleServices' && kind !== 'TailscaleEndpoints')) {
      serviceWeight += ref.weight;
      continue;
    }
    // Settings come from the backend's own cluster where Envoy Gateway split the rule.
    const own = rule.clusters.find((c) => c.name.backendIndex === index);
    const base = [...(own ? [own] : []), ...rule.clusters]
      .map((c) => clusters.baseOf(c.bytes, routeKind === 'GRPCRoute'))
      .find((b) => b !== undefined);
    if (!base) return undefined;
    try {
      const refused = rule.clue.from === 'stamp' ? undefined : refusalOf(ref, { namespace, model });
      shares.push({ cluster: clusters.nameFor({ ...ref, kind }, base), weight: ref.weight, index, refused });
    } catch (error) {
      return { refused: error instanceof Error ? error.message : String(error) };
    }
  }
  return { shares, serviceWeight, clusters: names, guessed };
}

/** Of a cluster in Envoy's weighted clusters. */
const maxWeight = 2 ** 32 - 1;

/** Without a stamp, what Envoy Gateway may have refused. */
function refusalOf(ref: BackendRef, { namespace, model }: { namespace: string; model: MeshModel }): Share['refused'] {
  if (!model.services.has(serviceName(ref))) return 'surely';
  return ref.namespace === namespace ? undefined : 'perhaps';
}

const serviceName = ({ kind, namespace, name }: BackendRef): string => `${kind}/${namespace}/${name}`;

/**
 * Which backends of ours do not exist: by rule (`httproute/<ns>/<name>/rule/<i>`), and by route and name of the rule
 * (`httproute/<ns>/<name>#[<rule>]`).
 */
function missingBackends(model: MeshModel): Map<string, string> {
  const missing = new Map<string, string>();
  for (const route of model.routes.values()) {
    for (const rule of route.rules) {
      for (const ref of rule.backendRefs) {
        if (!isOurs(ref) || ref.weight === 0 || model.services.has(serviceName(ref))) continue;
        const name = `${route.kind.toLowerCase()}/${route.namespace}/${route.name}`;
        const text = `${ref.kind} ${ref.namespace}/${ref.name}`;
        for (const key of [`${name}#${rule.name ?? ''}`, `${name}/rule/${rule.index ?? '?'}`]) {
          const known = missing.get(key);
          if (known === undefined) missing.set(key, text);
          else if (!known.split(', ').includes(text)) missing.set(key, `${known}, ${text}`);
        }
      }
    }
  }
  return missing;
}

/** Field numbers. */
const ROUTE_CONFIGURATION = { name: 1, virtualHosts: 2 } as const;
const VIRTUAL_HOST = { routes: 3, retryPolicy: 16, retryPolicyTypedConfig: 20 } as const;
const ROUTE = { action: 2, metadata: 4, directResponse: 7, name: 14 } as const;

interface RouteEditorInput {
  readonly request: Uint8Array;
  readonly rules: FoundTranslation['rules'];
  readonly plans: ReadonlyMap<string, Plan>;
  readonly missing: ReadonlyMap<string, string>;
}

/** Edits routes, and remembers to where they lead. */
class RouteEditor {
  /** The clusters that edited routes name. */
  readonly used = new Set<string>();
  /** The route configurations that lead to clusters of ours. */
  readonly configurations = new Set<string>();
  /** Something could not be read, and stays: it may name any cluster. */
  failed = false;
  readonly #input: RouteEditorInput;
  readonly #text: Buffer;
  readonly #cursor: FieldCursor;
  /** By the name of Envoy Gateway's cluster. */
  readonly #byCluster: ReadonlyMap<string, Plan>;

  constructor(input: RouteEditorInput) {
    this.#input = input;
    const { request, rules, plans } = input;
    this.#cursor = new FieldCursor(request);
    this.#text = Buffer.from(request.buffer, request.byteOffset, request.length);
    this.#byCluster = new Map(
      [...plans].flatMap(([rule, plan]) => (rules.get(rule)?.clusters ?? []).map((c) => [c.text, plan] as const)),
    );
  }

  /** Undefined: the configuration stays as it is. */
  edit(configuration: Resource): Pieces | undefined {
    const { request } = this.#input;
    let leadsToUs = false;
    const edited = replaceValues(
      request,
      { ...configuration, fields: [ROUTE_CONFIGURATION.virtualHosts] },
      (from, to) => {
        let retries: boolean | undefined;
        const hostRetries = () => (retries ??= hasRetries(request.subarray(from, to)));
        return replaceValues(request, { from, to, fields: [VIRTUAL_HOST.routes] }, (start, end) => {
          const route = this.#editRoute({ from: start, to: end }, hostRetries);
          for (const cluster of route ? clustersOf(route) : []) {
            this.used.add(cluster);
            leadsToUs ||= parseServiceClusterName(cluster) !== undefined;
          }
          return route;
        });
      },
    );
    if (leadsToUs) {
      const { from, to } = configuration;
      this.configurations.add(stringOf(request.subarray(from, to), ROUTE_CONFIGURATION.name));
    }
    return edited;
  }

  /** Undefined or the very same array: it stays as it is. */
  #editRoute({ from, to }: Range, hostRetries: () => boolean): Uint8Array | undefined {
    const { request, plans, missing } = this.#input;
    const field = this.#cursor.enter(from, to);
    let nameFrom = 0;
    let nameTo = 0;
    let answers = false;
    let answersItself = false;
    while (field.next()) {
      if (field.number === ROUTE.name) [nameFrom, nameTo] = [field.valueStart, field.end];
      else if (field.number === ROUTE.action) answers = true;
      else if (field.number === ROUTE.directResponse) answersItself = true;
    }
    if (answersItself ? missing.size === 0 : !answers) return undefined;
    // Of Kubernetes' names: no letter that has more than a byte.
    const name = this.#text.toString('latin1', nameFrom, nameTo);
    const rule = ruleOfRoute(name);
    const route = request.subarray(from, to);
    if (answersItself) return rule === undefined ? undefined : this.#explain(route, rule);
    const plan =
      rule === undefined
        ? clustersOf(route).reduce<Plan | undefined>((found, c) => found ?? this.#byCluster.get(c), undefined)
        : plans.get(rule);
    if (plan === undefined) return undefined;
    return 'refused' in plan ? refuseRoute(route, plan.refused) : editRoute(route, plan, hostRetries);
  }

  #explain(route: Uint8Array, rule: string): Uint8Array | undefined {
    const { missing } = this.#input;
    const name = rule.slice(0, rule.lastIndexOf('/rule/'));
    // Of this rule; where it was moved meanwhile, of any with its name: it is a text to read, nothing depends on it.
    const text = missing.get(rule) ?? missing.get(`${name}#${readRuleName(route, ROUTE.metadata) ?? ''}`);
    if (text === undefined) return undefined;
    return explainRefusal(route, `a backend of ${missing.has(rule) ? rule : name} does not exist: ${text}`);
  }
}

function hasRetries(host: Uint8Array): boolean {
  return hasField(host, VIRTUAL_HOST.retryPolicy) || hasField(host, VIRTUAL_HOST.retryPolicyTypedConfig);
}
