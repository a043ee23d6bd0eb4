import { edsClusterName } from '@tsgateway/xds';
import { stringify } from 'yaml';

/** The service that the extension server's health check answers for: serving while its endpoints are fresh. */
const EDS_SERVICE = 'envoy.service.endpoint.v3.EndpointDiscoveryService';

/**
 * What an Envoy's bootstrap needs so that clusters of ours find their endpoints, and their requests are counted: YAML
 * for `spec.bootstrap.value` of an EnvoyProxy, with type `Merge`. The same addresses give the same text.
 *
 * @param addresses host:port of the extension servers' discovery; a name may stand for several (a headless Service).
 */
export function envoyBootstrap(addresses: readonly string[]): string {
  const grpc_services = [{ envoy_grpc: { cluster_name: edsClusterName } }];
  return stringify(
    {
      static_resources: { clusters: [edsCluster(addresses)] },
      cluster_manager: { load_stats_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services } },
    },
    { lineWidth: 0 },
  );
}

function edsCluster(addresses: readonly string[]) {
  return {
    name: edsClusterName,
    type: 'STRICT_DNS',
    connect_timeout: '1s',
    lb_policy: 'LEAST_REQUEST',
    load_assignment: {
      cluster_name: edsClusterName,
      endpoints: [{ lb_endpoints: addresses.map((address) => ({ endpoint: { address: socketAddress(address) } })) }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        // A server that is gone without a word is noticed by its silence.
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '3s' } },
        },
      },
    },
    health_checks: [
      {
        timeout: '1s',
        interval: '2s',
        no_traffic_interval: '2s',
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        grpc_health_check: { service_name: EDS_SERVICE },
      },
    ],
    // Streams to a server whose data is stale move to another.
    close_connections_on_host_health_failure: true,
    // One stream for each cluster: beyond the default of 1,024 a cluster would get no endpoints, and say nothing.
    circuit_breakers: { thresholds: [{ max_pending_requests: 1_000_000, max_requests: 1_000_000 }] },
  };
}

function socketAddress(address: string) {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return { socket_address: { address: host, port_value: Number(address.slice(colon + 1)) } };
}
