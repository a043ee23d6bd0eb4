import { defaulted, type TailscaleEndpoints, type TailscaleServices } from '@tsgateway/api';
import type { Route } from '../resources.ts';

type ServicesSpec = Parameters<typeof defaulted<'TailscaleServices'>>[1]['spec'];
type Endpoint = { name: string; ip?: string; healthCheck?: object };

const apiVersion = 'gateway.tailscale.com/v1alpha1' as const;
let version = 0;
const nextVersion = (): string => String((version += 1));

/** A valid TailscaleServices in the namespace `shop`, generation 1, that selects `app: <name>`. */
export function servicesObject(
  name: string,
  spec: Partial<ServicesSpec> = {},
  metadata: object = {},
): TailscaleServices {
  return defaulted('TailscaleServices', {
    apiVersion,
    kind: 'TailscaleServices',
    metadata: { name, namespace: 'shop', uid: name, generation: 1, resourceVersion: nextVersion(), ...metadata },
    spec: { selector: { matchLabels: { app: name } }, ...spec },
  });
}

/** A valid TailscaleEndpoints in the namespace `shop` and the tailnet `demo`, labelled `app: <app>`. */
export function endpointsObject(
  name: string,
  options: { app?: string; endpoints?: readonly Endpoint[]; tailnet?: string } = {},
): TailscaleEndpoints {
  const { app = 'web', endpoints = [{ name: `${name}-0` }], tailnet = 'demo' } = options;
  return defaulted('TailscaleEndpoints', {
    apiVersion,
    kind: 'TailscaleEndpoints',
    metadata: { name, namespace: 'shop', uid: name, generation: 1, resourceVersion: nextVersion(), labels: { app } },
    spec: {
      tailnet,
      endpoints: endpoints.map(({ name: endpoint, ip = '100.64.0.1', healthCheck }) => ({
        name: endpoint,
        tailscaleIP: ip,
        tailscaleFQDN: `${endpoint}.demo.ts.net`,
        port: 80,
        healthCheck,
      })),
    },
  });
}

export const routeObject = (name: string, backend: string): Route => ({
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'shop', uid: name, generation: 1, resourceVersion: nextVersion() },
  spec: {
    rules: [{ backendRefs: [{ group: 'gateway.tailscale.com', kind: 'TailscaleServices', name: backend, port: 80 }] }],
  },
});

/** A logger that keeps its lines, and a promise's worth of patience. */
export function quietLogger() {
  const lines: { level: string; msg: string; fields: object }[] = [];
  const at = (level: string) => (fields: object, msg: string) => {
    lines.push({ level, msg, fields });
  };
  const logger = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
  };
  return logger;
}
