import { edsClusterName, isIpAddress } from '@tsgateway/xds';
import { stringify } from 'yaml';

/** The service that the extension server's health check answers for: serving while its endpoints are fresh. */
const EDS_SERVICE = 'envoy.service.endpoint.v3.EndpointDiscoveryService';

export interface EnvoyBootstrapOptions {
  /** host:port of the extension servers' discovery; a name may stand for several (a headless Service). */
  readonly addresses: readonly string[];
  /** In Envoy's file system: the CA of their certificates, which must be for one of the hosts. Undefined: plain text. */
  readonly caFile?: string | undefined;
}

/**
 * What an Envoy's bootstrap needs so that clusters of ours find their endpoints, and their requests are counted: YAML
 * for `spec.bootstrap.value` of an EnvoyProxy, with type `Merge`. The same options give the same text.
 */
export function envoyBootstrap(options: EnvoyBootstrapOptions): string {
  const grpc_services = [{ envoy_grpc: { cluster_name: edsClusterName } }];
  return stringify(
    {
      static_resources: { clusters: [edsCluster(options)] },
      cluster_manager: { load_stats_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services } },
    },
    { lineWidth: 0 },
  );
}

function edsCluster({ addresses, caFile }: EnvoyBootstrapOptions) {
  return {
    name: edsClusterName,
    type: 'STRICT_DNS',
    connect_timeout: '1s',
    lb_policy: 'LEAST_REQUEST',
    load_assignment: {
      cluster_name: edsClusterName,
      endpoints: [{ lb_endpoints: addresses.map((address) => ({ endpoint: { address: socketAddress(address) } })) }],
    },
    ...(caFile !== undefined && { transport_socket: tls(addresses.map(hostOf), caFile) }),
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
    // While any is fit it is asked; only where none is, all are: endpoints that may be stale are better than none.
    common_lb_config: { healthy_panic_threshold: { value: 1 } },
    // Streams to a server whose data is stale move to another.
    close_connections_on_host_health_failure: true,
    // One stream for each cluster: beyond the default of 1,024 a cluster would get no endpoints, and say nothing.
    circuit_breakers: { thresholds: [{ max_pending_requests: 1_000_000, max_requests: 1_000_000 }] },
  };
}

function tls(hosts: readonly string[], caFile: string) {
  const name = hosts.find((host) => !isIpAddress(host));
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      ...(name !== undefined && { sni: name }),
      common_tls_context: {
        alpn_protocols: ['h2'],
        validation_context: {
          trusted_ca: { filename: caFile },
          match_typed_subject_alt_names: [...new Set(hosts)].map((host) => ({
            san_type: isIpAddress(host) ? 'IP_ADDRESS' : 'DNS',
            matcher: { exact: host },
          })),
        },
      },
    },
  };
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');

const socketAddress = (address: string) => ({
  socket_address: { address: hostOf(address), port_value: Number(address.slice(address.lastIndexOf(':') + 1)) },
});
