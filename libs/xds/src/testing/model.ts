import {
  emptyModel,
  type Machine,
  type MeshGroup,
  type MeshModel,
  type MeshRoute,
  type MeshService,
  routeKey,
  serviceKey,
} from '@tsgateway/model';

/** A model as test data writes it: what is not said has a plain value. */
export interface ModelInput {
  readonly revision?: number;
  readonly services?: readonly ServiceInput[];
  readonly routes?: readonly RouteInput[];
}

export type ServiceInput = Partial<Omit<MeshService, 'groups' | 'name'>> & {
  readonly name: string;
  readonly groups?: readonly (Partial<Omit<MeshGroup, 'machines'>> & {
    readonly name: string;
    readonly machines: readonly (Partial<Machine> & { readonly id: string })[];
  })[];
};

export interface RouteInput {
  readonly name: string;
  readonly kind?: MeshRoute['kind'];
  /** For each rule its backendRefs: `<kind>/[<namespace>/]<name>:<port>=<weight>`; and what else it has. */
  readonly rules: readonly (readonly string[] | (Omit<RouteRule, 'backendRefs'> & { refs: readonly string[] }))[];
}

type RouteRule = MeshRoute['rules'][number];

export function model(input: ModelInput): MeshModel {
  const services = (input.services ?? []).map(service);
  const routes = (input.routes ?? []).map(route);
  return {
    ...emptyModel,
    revision: BigInt(input.revision ?? 1),
    services: new Map(services.map((s) => [serviceKey(s), s])),
    routes: new Map(routes.map((r) => [routeKey(r), r])),
  };
}

export function service(input: ServiceInput): MeshService {
  return {
    kind: 'TailscaleServices',
    namespace: 'default',
    generation: 1,
    strategy: 'round-robin',
    failbackDelayMs: 60_000,
    ...input,
    groups: (input.groups ?? []).map((g) => ({
      source: 'endpoints',
      weight: 1,
      tier: 0,
      ...g,
      machines: g.machines.map((m) => ({ host: '10.0.0.1', port: 80, protocol: 'HTTP', weight: 1, ...m })),
    })),
  };
}

function route(input: RouteInput): MeshRoute {
  return {
    kind: input.kind ?? 'HTTPRoute',
    namespace: 'default',
    name: input.name,
    generation: 1,
    rules: input.rules.map((rule) => {
      const { refs, ...others } = 'refs' in rule ? rule : { refs: rule };
      return { ...others, backendRefs: refs.map(backendRef) };
    }),
  };
}

function backendRef(text: string) {
  const pattern = /^(\w+)\/(?:([\w-]+)\/)?([\w-]+):(\d+)(?:=(\d+))?$/;
  const [, kind = '', namespace = 'default', name = '', port, weight] = pattern.exec(text) ?? [];
  const group = kind.startsWith('Tailscale') ? 'gateway.tailscale.com' : '';
  return { group, kind, namespace, name, port: Number(port), weight: Number(weight ?? 1) };
}
