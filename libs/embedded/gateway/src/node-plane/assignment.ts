import type { Cluster } from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import type { Metadata, TransportSocket } from '@tsgateway/protos/envoy/config/core/v3/base';
import { HealthStatus } from '@tsgateway/protos/envoy/config/core/v3/health_check';
import type { ClusterLoadAssignment } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint';
import type { LbEndpoint } from '@tsgateway/protos/envoy/config/endpoint/v3/endpoint_components';
import { UpstreamTlsContext } from '@tsgateway/protos/envoy/extensions/transport_sockets/tls/v3/tls';
import { TYPE_PREFIX } from '../any.ts';

/** An endpoint as it is dialled. Equal fields, equal connections. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Its own name, for the Host header; empty: none. */
  readonly hostname: string;
  /** Undefined: plain HTTP. */
  readonly tls: EndpointTls | undefined;
}

export interface EndpointTls {
  readonly servername: string;
  /** PEM; undefined and not `verify`: as with Envoy, no check without a validation context. */
  readonly ca: string | undefined;
  readonly verify: boolean;
}

export interface AssignedEndpoint {
  readonly endpoint: Endpoint;
  readonly weight: number;
  readonly healthy: boolean;
}

export interface AssignedLocality {
  readonly weight: number;
  readonly priority: number;
  readonly endpoints: readonly AssignedEndpoint[];
}

/** `host:port`, an IPv6 host in brackets. */
export const addressOf = (e: Pick<Endpoint, 'host' | 'port'>): string =>
  `${e.host.includes(':') ? `[${e.host}]` : e.host}:${e.port}`;

/** Reads an assignment with the cluster's choice of transport sockets. */
export function readAssignment(cluster: Cluster, assignment: ClusterLoadAssignment): AssignedLocality[] {
  return assignment.endpoints.map((locality) => ({
    // No weight, no traffic: counts only where localities are weighted.
    weight: locality.loadBalancingWeight ?? 0,
    priority: locality.priority,
    endpoints: locality.lbEndpoints.flatMap((e) => readEndpoint(cluster, e)),
  }));
}

const HEALTHY: readonly number[] = [HealthStatus.UNKNOWN, HealthStatus.HEALTHY, HealthStatus.DEGRADED];

function readEndpoint(cluster: Cluster, lb: LbEndpoint): AssignedEndpoint[] {
  if (lb.hostIdentifier?.$case !== 'endpoint') return [];
  const { address, hostname } = lb.hostIdentifier.value;
  if (address?.address?.$case !== 'socketAddress') return [];
  const { address: host, portSpecifier } = address.address.value;
  if (portSpecifier?.$case !== 'portValue') return [];
  return [
    {
      endpoint: {
        host,
        port: portSpecifier.value,
        hostname,
        tls: tlsOf(transportSocket(cluster, lb.metadata), hostname),
      },
      weight: lb.loadBalancingWeight ?? 1,
      healthy: HEALTHY.includes(lb.healthStatus),
    },
  ];
}

/** The first match whose pairs the endpoint's metadata all has; else the cluster's own. */
function transportSocket(cluster: Cluster, metadata: Metadata | undefined): TransportSocket | undefined {
  const own = metadata?.filterMetadata['envoy.transport_socket_match'] ?? {};
  const match = cluster.transportSocketMatches.find((m) =>
    Object.entries(m.match ?? {}).every(([key, value]) => JSON.stringify(own[key]) === JSON.stringify(value)),
  );
  return match ? match.transportSocket : cluster.transportSocket;
}

const UPSTREAM_TLS = `${TYPE_PREFIX}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`;

function tlsOf(socket: TransportSocket | undefined, hostname: string): EndpointTls | undefined {
  const packed = socket?.configType?.value;
  if (packed?.typeUrl !== UPSTREAM_TLS) return undefined;
  const context = UpstreamTlsContext.decode(packed.value);
  const validation = context.commonTlsContext?.validationContextType;
  const rules = validation?.$case === 'validationContext' ? validation.value : undefined;
  const trusted = rules?.trustedCa?.specifier;
  const ca =
    trusted?.$case === 'inlineString'
      ? trusted.value
      : trusted?.$case === 'inlineBytes'
        ? trusted.value.toString()
        : undefined;
  return {
    servername: context.sni || hostname,
    ca,
    verify: ca !== undefined || rules?.systemRootCerts !== undefined,
  };
}
