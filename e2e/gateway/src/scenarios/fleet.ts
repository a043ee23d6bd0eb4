import type { GenericObject, Resource } from '@tsgateway/kube';
import type { Backend } from '../harness/backend.ts';
import { machineAddress } from '../harness/ports.ts';
import type { Stack } from '../harness/stack.ts';

/** A route by each strategy, and one to a Service of Kubernetes, which shows what is not ours: the hosts by which they are asked. */
export const hosts = {
  roundRobin: 'round-robin.test',
  weighted: 'weighted.test',
  failover: 'failover.test',
  plain: 'plain.test',
} as const;

/** The Gateway of all of them, on port 80. */
export const gateway = 'default/envoy-gateway';

/** The cluster of its routes to the service round-robin. */
export const roundRobinCluster = 'tsgateway/default/round-robin/80';

const gatewayApi = 'gateway.networking.k8s.io';
const ours = 'gateway.tailscale.com';

export const httpRoutes: Resource<GenericObject> = {
  ...{ group: gatewayApi, version: 'v1', plural: 'httproutes', kind: 'HTTPRoute', namespaced: true },
};
export const endpoints: Resource<GenericObject> = {
  ...{ group: ours, version: 'v1alpha1', plural: 'tailscaleendpoints', kind: 'TailscaleEndpoints', namespaced: true },
};

/** What the tests apply, and the backends behind it. */
export interface Fleet {
  readonly objects: readonly object[];
  readonly backends: ReadonlyMap<string, Backend>;
}

const backendNames = [
  ...['round-robin-0', 'round-robin-1', 'round-robin-2', 'weighted-0', 'weighted-1'],
  ...['failover-0', 'failover-1', 'spare', 'plain-0'],
] as const;

/** Which backends may answer for a host. */
export const servedBy: Readonly<Record<string, RegExp>> = {
  [hosts.roundRobin]: /^(round-robin-[0-2]|spare)$/,
  [hosts.weighted]: /^weighted-[01]$/,
  [hosts.failover]: /^failover-0$/,
  [hosts.plain]: /^plain-0$/,
};

/** Starts the backends, and says what to apply. */
export async function makeFleet(stack: Stack): Promise<Fleet> {
  const backends = new Map(
    await Promise.all(
      backendNames.map(async (name) => {
        const host = name === 'plain-0' ? machineAddress() : '127.0.0.1';
        return [name, await stack.startBackend(name, { host })] as const;
      }),
    ),
  );
  const machines = (service: string) =>
    [...backends].filter(([name]) => name.startsWith(service)).map((each) => machine(service, each));
  return {
    backends,
    objects: [
      ...machines('round-robin'),
      ...[...backends].filter(([name]) => name === 'spare').map((each) => machine('nobody', each)),
      service('round-robin', { strategy: 'round-robin' }),
      ...machines('weighted'),
      service('weighted', { strategy: 'weighted', weights: { 'weighted-0': 70, 'weighted-1': 30 } }),
      ...machines('failover'),
      service('failover', {
        strategy: 'failover',
        failoverConfig: {
          primaryEndpoints: ['failover-0'],
          secondaryEndpoints: ['failover-1'],
          failbackDelay: '1s',
        },
      }),
      ...plainService('plain', backends.get('plain-0')?.port ?? 0),
      route('round-robin', { host: hosts.roundRobin, backendRefs: [toService('round-robin')] }),
      route('weighted', { host: hosts.weighted, backendRefs: [toService('weighted')] }),
      route('failover', { host: hosts.failover, backendRefs: [toService('failover')] }),
      route('plain', { host: hosts.plain, backendRefs: [{ name: 'plain', port: 80 }] }),
    ],
  };
}

/** A TailscaleEndpoints of one machine, in the service of that label. */
export function machine(serviceName: string, [name, backend]: readonly [string, Backend]): object {
  return {
    apiVersion: `${ours}/v1alpha1`,
    kind: 'TailscaleEndpoints',
    metadata: { name, namespace: 'default', labels: { service: serviceName } },
    spec: {
      tailnet: 'demo',
      endpoints: [
        {
          name: 'machine',
          tailscaleIP: '100.64.9.1',
          tailscaleFQDN: `${name}.demo.ts.net`,
          port: 80,
          protocol: 'HTTP',
          externalTarget: backend.address,
        },
      ],
    },
  };
}

/** A TailscaleServices over the machines of that label. */
export function service(name: string, loadBalancing: object): object {
  return {
    apiVersion: `${ours}/v1alpha1`,
    kind: 'TailscaleServices',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { service: name } },
      vipService: { name: `svc:${name}`, ports: ['tcp:80'], tags: ['tag:demo'] },
      loadBalancing: {
        ...loadBalancing,
        healthCheck: { interval: '1s', timeout: '1s', healthyThreshold: 1, unhealthyThreshold: 3 },
      },
    },
  };
}

export const toService = (name: string): object => ({ group: ours, kind: 'TailscaleServices', name, port: 80 });

/** An HTTPRoute of one rule. */
export function route(
  name: string,
  options: { host: string; backendRefs: readonly object[]; path?: string },
): GenericObject {
  const { host, backendRefs, path = '/' } = options;
  return {
    apiVersion: `${gatewayApi}/v1`,
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default' },
    spec: {
      parentRefs: [{ name: 'envoy-gateway' }],
      hostnames: [host],
      rules: [{ matches: [{ path: { type: 'PathPrefix', value: path } }], backendRefs }],
    },
  };
}

/** A Service without selector: its endpoints are written by hand. */
function plainService(name: string, port: number): object[] {
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-0`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ port, protocol: 'TCP' }],
      endpoints: [{ addresses: [machineAddress()], conditions: { ready: true } }],
    },
  ];
}
