import type { MeshRoute, MeshService } from './model.ts';

/** Identity of a service in the model: `TailscaleServices/ns/name`. */
export const serviceKey = (s: Pick<MeshService, 'kind' | 'namespace' | 'name'>): string =>
  `${s.kind}/${s.namespace}/${s.name}`;

/** Identity of a route in the model: `HTTPRoute/ns/name`. */
export const routeKey = (r: Pick<MeshRoute, 'kind' | 'namespace' | 'name'>): string =>
  `${r.kind}/${r.namespace}/${r.name}`;
