import { stringify } from 'yaml';
import { envoyGatewayNamespace } from './envoy-gateway.ts';

const edsClusterName = 'tsgateway_eds';

/**
 * The GatewayClass of the examples with our endpoint discovery in its proxies' bootstrap. A Gateway that names an
 * EnvoyProxy of its own wins over it.
 */
export function interimProxyConfig(edsAddresses: readonly string[]): object[] {
  const lbEndpoints = edsAddresses.map((address) => {
    const [host, port] = address.split(':');
    return { endpoint: { address: { socket_address: { address: host, port_value: Number(port) } } } };
  });
  const plenty = { max_connections: 1_000_000, max_pending_requests: 1_000_000, max_requests: 1_000_000 };
  const bootstrap = {
    static_resources: {
      clusters: [
        {
          name: edsClusterName,
          type: 'STATIC',
          connect_timeout: '2s',
          load_assignment: { cluster_name: edsClusterName, endpoints: [{ lb_endpoints: lbEndpoints }] },
          circuit_breakers: { thresholds: [plenty] },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: {
                http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '3s' } },
              },
            },
          },
        },
      ],
    },
  };
  return [
    {
      apiVersion: 'gateway.envoyproxy.io/v1alpha1',
      kind: 'EnvoyProxy',
      metadata: { name: 'endpoint-discovery', namespace: envoyGatewayNamespace },
      spec: { bootstrap: { type: 'Merge', value: stringify(bootstrap) } },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name: 'envoy-gateway' },
      spec: {
        controllerName: 'gateway.envoyproxy.io/gatewayclass-controller',
        parametersRef: {
          group: 'gateway.envoyproxy.io',
          kind: 'EnvoyProxy',
          name: 'endpoint-discovery',
          namespace: envoyGatewayNamespace,
        },
      },
    },
  ];
}
