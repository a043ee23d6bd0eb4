import type { EventRecorder, KubeObject, Resource } from '@tsgateway/kube';
import type { Informers } from '../informers.ts';
import { grpcRoutes, httpRoutes, tcpRoutes, tlsRoutes, udpRoutes, type Route } from '../resources.ts';
import { explain, type UnsupportedRoute } from '../status/unsupported-routes.ts';
import { backendsOf, mirrorsOf } from './route-refs.ts';

type RouteInformers = Pick<Informers, 'httpRoutes' | 'grpcRoutes' | 'tcpRoutes' | 'tlsRoutes' | 'udpRoutes'>;

const sources = [
  { informer: 'httpRoutes', resource: httpRoutes, use: 'mirror' },
  { informer: 'grpcRoutes', resource: grpcRoutes, use: 'mirror' },
  { informer: 'tcpRoutes', resource: tcpRoutes, use: 'backend' },
  { informer: 'tlsRoutes', resource: tlsRoutes, use: 'backend' },
  { informer: 'udpRoutes', resource: udpRoutes, use: 'backend' },
] as const satisfies readonly {
  informer: keyof RouteInformers;
  resource: Resource<Route>;
  use: UnsupportedRoute['use'];
}[];

/** The keys (`serviceKey`) that a route names where they cannot be carried. An index of the route informers. */
export const unsupportedUses = (route: Route): string[] =>
  route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute' ? mirrorsOf(route) : backendsOf(route);

/** The routes that name an object (`TailscaleServices/ns/name`) where it cannot be carried. */
export function unsupportedRoutes(informers: RouteInformers, key: string): UnsupportedRoute[] {
  return sources.flatMap(({ informer, resource, use }) =>
    informers[informer].store
      .byIndex('unsupported', key)
      .map(({ metadata }) => ({ route: `${resource.kind} ${metadata.namespace ?? ''}/${metadata.name}`, use })),
  );
}

/** Tells of objects that are, or are no more, named so, and leaves an Event on each route. Returns what unsubscribes. */
export function watchUnsupported(options: {
  readonly informers: RouteInformers;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly onKey: (key: string) => void;
}): (() => void)[] {
  const { informers, events, onKey } = options;
  return sources.map(({ informer, resource, use }) => {
    const tell = (route: Route): void => {
      unsupportedUses(route).forEach(onKey);
    };
    const warn = (route: Route): void => {
      const keys = unsupportedUses(route);
      if (keys.length === 0) return;
      const note = `${keys.join(', ')}: ${explain(use)}`;
      const reason = use === 'backend' ? 'UnsupportedRouteKind' : 'UnsupportedMirror';
      events.record<KubeObject>(resource, route, { type: 'Warning', reason, action: 'ResolveBackends', note });
    };
    return informers[informer].store.subscribe({
      add: (route) => {
        tell(route);
        warn(route);
      },
      update: (route, old) => {
        if (route.metadata.generation === old.metadata.generation) return;
        tell(old);
        tell(route);
        warn(route);
      },
      delete: tell,
    });
  });
}
