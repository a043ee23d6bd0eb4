import { API_VERSION, type TailscaleEndpoints, type TailscaleServices } from '@tsgateway/api';
import { type Plan, plan } from '@tsgateway/load-balancing';
import { buildService, type HealthView, type MeshService, targetId, machinesOf } from '@tsgateway/model';
import { compileSelector } from '@tsgateway/selector';
import type { Ref } from './cluster-client.ts';
import type { Manifest } from './manifests.ts';
import type { Stack } from './stack.ts';

/** A TailscaleServices that a route attaches, and how to reach it through the gateway. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly host?: string | undefined;
  /** The name of the HTTPRoute, and its namespace. */
  readonly route: { readonly namespace: string; readonly name: string };
}

interface RouteSpec {
  hostnames?: string[];
  rules?: {
    matches?: { path?: { type?: string; value?: string } }[];
    backendRefs?: { kind?: string; name: string; namespace?: string }[];
  }[];
}

/** The services that the HTTPRoutes among the objects name, each with the first way to it. */
export function targetsOf(manifests: readonly Manifest[]): Target[] {
  const found = new Map<string, Target>();
  for (const route of manifests.filter((m) => m.kind === 'HTTPRoute')) {
    const spec = route.spec as RouteSpec;
    for (const rule of spec.rules ?? []) {
      for (const ref of rule.backendRefs ?? []) {
        if (ref.kind !== 'TailscaleServices') continue;
        const own = route.metadata.namespace ?? 'default';
        const namespace = ref.namespace ?? own;
        const match = rule.matches?.[0]?.path;
        if (found.has(`${namespace}/${ref.name}`) || match?.type === 'RegularExpression') continue;
        found.set(`${namespace}/${ref.name}`, {
          namespace,
          name: ref.name,
          path: match?.value ?? '/',
          host: spec.hostnames?.[0]?.replace(/^\*\./, 'demo.'),
          route: { namespace: own, name: route.metadata.name },
        });
      }
    }
  }
  return [...found.values()].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

export const nameOf = (target: Pick<Target, 'namespace' | 'name'>): string => `${target.namespace}/${target.name}`;

export const servicesRef = (target: Pick<Target, 'namespace' | 'name'>): Ref => ({
  apiVersion: API_VERSION,
  kind: 'TailscaleServices',
  metadata: { name: target.name, namespace: target.namespace },
});

export const routeRef = ({ route }: Target): Ref => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: route,
});

export const endpointsRef = (target: Pick<Target, 'namespace'>, name: string): Ref => ({
  apiVersion: API_VERSION,
  kind: 'TailscaleEndpoints',
  metadata: { name, namespace: target.namespace },
});

/** The service as the API has it now, made from its own objects as the operator makes it. */
export async function serviceOf(stack: Stack, target: Target): Promise<MeshService> {
  const service = await stack.client.get<TailscaleServices>(servicesRef(target));
  const all = await stack.client.list<TailscaleEndpoints>(API_VERSION, 'TailscaleEndpoints', target.namespace);
  const compiled = compileSelector(service.spec.selector);
  if (!compiled.ok) throw new Error(`${target.name}: its selector is invalid`);
  return buildService(
    service,
    all.filter((e) => compiled.selector.matches(e.metadata.labels ?? {})),
  );
}

/** What the strategy promises each machine, as a share of 1, while the machines in `down` are unhealthy. */
export function promisedShares(service: MeshService, down: ReadonlySet<string> = new Set()): Map<string, number> {
  const nowMs = Date.now();
  const health: HealthView = new Map(
    machinesOf(service).flatMap((m) => {
      const id = targetId(m);
      return id !== undefined && down.has(m.id)
        ? [[id, { healthy: false, observedSinceMs: nowMs, transitions: [] }] as const]
        : [];
    }),
  );
  return sharesOf(plan({ service: { ...service, failoverSeed: undefined }, health, nowMs }));
}

/** The share of all requests that a plan gives each machine. */
export function sharesOf(planned: Plan): Map<string, number> {
  const groups = planned.groups.map((g) => ({ ...g, machines: g.machines.filter((m) => m.active) }));
  const total = groups.reduce((sum, g) => sum + (g.machines.length > 0 ? g.weight : 0), 0);
  return new Map(
    planned.groups.flatMap((group, i) => {
      const active = groups[i]?.machines ?? [];
      const inGroup = active.reduce((sum, m) => sum + m.weight, 0);
      return group.machines.map((m): [string, number] => [
        m.id,
        m.active ? (group.weight / total) * (m.weight / inGroup) : 0,
      ]);
    }),
  );
}
