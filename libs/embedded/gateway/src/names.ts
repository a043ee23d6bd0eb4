/** Names exactly as Envoy Gateway gives them: the extension server and users' dashboards read them. */

const underscored = (hostname: string): string => hostname.replaceAll('.', '_');

/** Of the listener, of the route configuration of its port, and the prefix of its virtual hosts. */
export const listenerName = (gateway: { namespace: string; name: string }, listener: string): string =>
  `${gateway.namespace}/${gateway.name}/${listener}`;

/** Of the one cluster of a rule, and of its load assignment. */
export const clusterName = (route: { namespace: string; name: string }, rule: number): string =>
  `httproute/${route.namespace}/${route.name}/rule/${rule}`;

/** Of one backendRef: its locality, and its cluster where the rule is split. */
export const backendName = (cluster: string, backendRef: number): string => `${cluster}/backend/${backendRef}`;

/** Match -1: the rule has no matches. */
export const routeName = (cluster: string, match: number, hostname: string): string =>
  `${cluster}/match/${match}/${underscored(hostname)}`;

export const virtualHostName = (listener: string, hostname: string): string => `${listener}/${underscored(hostname)}`;

/** The weighted share of references that cannot be resolved; no cluster has this name, so it answers 500. */
export const INVALID_BACKEND_CLUSTER = 'invalid-backend-cluster';

/** Ports that need a privilege are bound this much higher. */
const PRIVILEGED_PORT_SHIFT = 10_000;

/** The port of the host for a port of a Gateway's listener. */
export const hostPort = (port: number): number => (port < 1024 ? port + PRIVILEGED_PORT_SHIFT : port);
