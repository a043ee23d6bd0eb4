import { isIP } from 'node:net';

export interface BootstrapOptions {
  /** `<namespace>/<name>` of the Gateway. */
  readonly gateway: string;
  /** Unique among the Envoys of a Gateway. */
  readonly nodeId: string;
  readonly adsPort: number;
  /** `host:port` of the EDS server of custom backends. */
  readonly eds: string;
}

/** The static cluster under which clusters of the extension server find their endpoints; part of its contract. */
export const EDS_CLUSTER = 'tsgateway_eds';
const ADS_CLUSTER = 'xds_cluster';

/** One stream per cluster: Envoy's default of 1,024 is a hard stop for the 1,025th. */
const MAX_STREAMS = 1_000_000;

/** Envoy's bootstrap as JSON: everything comes over ADS but the two clusters that configuration itself comes from. */
export function bootstrap(options: BootstrapOptions): object {
  return {
    node: { id: options.nodeId, cluster: options.gateway },
    admin: { address: socketAddress('127.0.0.1', 0) },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: ADS_CLUSTER } }],
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        grpcCluster(ADS_CLUSTER, { host: '127.0.0.1', port: options.adsPort }),
        grpcCluster(EDS_CLUSTER, splitAddress(options.eds)),
      ],
    },
    // Request counts per group, without scraping.
    cluster_manager: {
      load_stats_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: EDS_CLUSTER } }],
      },
    },
  };
}

function grpcCluster(name: string, address: { host: string; port: number }): object {
  return {
    name,
    type: isIP(address.host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '2s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address.host, address.port) } }] }],
    },
    circuit_breakers: {
      thresholds: [
        {
          max_connections: MAX_STREAMS,
          max_pending_requests: MAX_STREAMS,
          max_requests: MAX_STREAMS,
          max_retries: 1024,
        },
      ],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '3s' } },
        },
      },
    },
  };
}

const socketAddress = (address: string, port: number) => ({ socket_address: { address, port_value: port } });

/** @throws Error where there is no port. */
export function splitAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  if (!match) throw new Error(`${JSON.stringify(text)} is not host:port`);
  return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}
