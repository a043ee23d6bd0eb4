import { machineAddress } from '../harness/ports.ts';

const gatewayApi = 'gateway.networking.k8s.io';
const ours = 'gateway.tailscale.com';

export interface MachineOptions {
  readonly namespace?: string;
  /** Default HTTP. */
  readonly protocol?: 'HTTP' | 'HTTPS' | 'TCP';
  /** The service (`service`) that selects it; default: its own name. */
  readonly of?: string;
}

/** A TailscaleEndpoints of one machine, which is reached at an address (`host:port`). */
export function machineAt(address: string, name: string, options: MachineOptions = {}): object {
  const { namespace = 'default', protocol = 'HTTP', of = name } = options;
  return {
    apiVersion: `${ours}/v1alpha1`,
    kind: 'TailscaleEndpoints',
    metadata: { name, namespace, labels: { service: of } },
    spec: {
      tailnet: 'demo',
      endpoints: [
        {
          name: 'machine',
          tailscaleIP: '100.64.9.1',
          tailscaleFQDN: `${name}.demo.ts.net`,
          port: 80,
          protocol,
          externalTarget: address,
        },
      ],
    },
  };
}

/** A TailscaleServices over the machines of that name. */
export const servicesOf = (name: string, namespace = 'default', more: object = {}): object => ({
  apiVersion: `${ours}/v1alpha1`,
  kind: 'TailscaleServices',
  metadata: { name, namespace },
  spec: {
    selector: { matchLabels: { service: name } },
    vipService: { name: `svc:${name}`, ports: ['tcp:80'], tags: ['tag:demo'] },
    ...more,
  },
});

/** A Service without selector, and the EndpointSlice by which it leads to a port of this machine. */
export function plainService(name: string, port: number, appProtocol?: string): object[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: [{ port: 80, ...(appProtocol !== undefined && { appProtocol }) }] },
    },
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

interface RefOptions {
  readonly weight?: number;
  readonly port?: number;
  readonly namespace?: string;
}

/** backendRefs. */
export const to = {
  services: (name: string, { port = 80, ...more }: RefOptions = {}) => ({
    ...{ group: ours, kind: 'TailscaleServices', name, port },
    ...more,
  }),
  endpoints: (name: string, { port = 80, ...more }: RefOptions = {}) => ({
    ...{ group: ours, kind: 'TailscaleEndpoints', name, port },
    ...more,
  }),
  plain: (name: string, { port = 80, ...more }: RefOptions = {}) => ({ name, port, ...more }),
};

/** A route of any kind to the Gateway of the examples. An HTTPRoute or GRPCRoute has a host of its own: `<name>.test`. */
export function routeOf(kind: string, name: string, spec: { rules: readonly object[]; hostnames?: string[] }): object {
  const version = kind === 'HTTPRoute' || kind === 'GRPCRoute' ? 'v1' : 'v1alpha2';
  return {
    apiVersion: `${gatewayApi}/${version}`,
    kind,
    metadata: { name, namespace: 'default' },
    spec: {
      parentRefs: [{ name: 'envoy-gateway' }],
      ...(version === 'v1' && { hostnames: [`${name}.test`] }),
      ...spec,
    },
  };
}

export const httpRoute = (name: string, rules: readonly object[]): object => routeOf('HTTPRoute', name, { rules });

/** A rule's match of all paths below one. */
export const below = (value: string) => ({ matches: [{ path: { type: 'PathPrefix', value } }] });
