import type { MeshService, Strategy } from '@tsgateway/model';
import {
  Cluster,
  Cluster_CommonLbConfig,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  type LoadBalancingPolicy,
} from '@tsgateway/protos/envoy/config/cluster/v3/cluster';
import { CircuitBreakers } from '@tsgateway/protos/envoy/config/cluster/v3/circuit_breaker';
import { OutlierDetection } from '@tsgateway/protos/envoy/config/cluster/v3/outlier_detection';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  ConfigSource,
} from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { LeastRequest } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/least_request/v3/least_request';
import { RoundRobin } from '@tsgateway/protos/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin';
import { HttpProtocolOptions } from '@tsgateway/protos/envoy/extensions/upstreams/http/v3/http_protocol_options';
import type { Any } from '@tsgateway/protos/google/protobuf/any';
import { pack } from './any.ts';
import { hash8 } from './hash.ts';
import { edsClusterName } from './names.ts';
import { transportSocketMatches } from './upstream-tls.ts';
import { concat, fieldOf, withoutFields } from './wire.ts';

export interface ServiceClusterInput {
  /** Also the name by which it asks for its endpoints. */
  readonly name: string;
  /** The cluster that Envoy Gateway made for a rule: timeouts, protocols, circuit breakers and all else come from it. */
  readonly base: Cluster;
  /** Undefined: not known (yet); its cluster has no endpoints. */
  readonly service: MeshService | undefined;
  /** The CA bundle in Envoy's file system; undefined: certificates of HTTPS machines are not verified. */
  readonly caFile: string | undefined;
  /** Speak HTTP/2, as gRPC must: Envoy Gateway's clusters for custom backends do not say so. */
  readonly http2: boolean;
}

/** Field numbers of a cluster's name and eds_cluster_config, and of what is in that. */
const NAME = 1;
const EDS_CLUSTER_CONFIG = 3;
const EDS_CONFIG = 1;
const SERVICE_NAME = 2;

/**
 * Serializes clusters that stand for services. Most differ in their names alone: what they have in common is serialized
 * once for a base.
 */
export class ServiceClusterEncoder {
  readonly #base: Pick<ServiceClusterInput, 'base' | 'caFile' | 'http2'>;
  readonly #common = new Map<string, Uint8Array>();

  constructor(base: Pick<ServiceClusterInput, 'base' | 'caFile' | 'http2'>) {
    this.#base = base;
  }

  encode(name: string, service: MeshService | undefined): Uint8Array {
    const matches = transportSocketMatches(service, this.#base.caFile);
    const key = [service?.strategy, ...matches.map((m) => m.name)].join(' ');
    let common = this.#common.get(key);
    if (common === undefined) {
      const cluster = serviceCluster({ ...this.#base, name: '', service });
      common = Cluster.encode({ ...cluster, edsClusterConfig: undefined }).finish();
      this.#common.set(key, common);
    }
    const text = new TextEncoder().encode(name);
    const eds = concat([edsConfigField, fieldOf(SERVICE_NAME, text)]);
    return concat([fieldOf(NAME, text), fieldOf(EDS_CLUSTER_CONFIG, eds), common]);
  }
}

/** The cluster that stands for a service: `base`, but for where endpoints come from and how they are chosen. */
export function serviceCluster({ name, base, service, caFile, http2 }: ServiceClusterInput): Cluster {
  return {
    ...base,
    ...withDefaults(base),
    name,
    altStatName: '',
    metadata: undefined,
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { serviceName: name, edsConfig },
    loadAssignment: undefined,
    // Of a base that finds its hosts by DNS.
    ...{ dnsLookupFamily: Cluster_DnsLookupFamily.AUTO, dnsRefreshRate: undefined, respectDnsTtl: false },
    ...{ dnsFailureRefreshRate: undefined, typedDnsResolverConfig: undefined },
    lbPolicy: Cluster_LbPolicy.ROUND_ROBIN, // Without effect beside the next.
    loadBalancingPolicy: loadBalancingPolicy(service?.strategy ?? 'round-robin'),
    commonLbConfig: {
      ...(base.commonLbConfig ?? Cluster_CommonLbConfig.fromPartial({})),
      // The plan panics for us, and says so; Envoy's own panic would send requests to machines that are down.
      healthyPanicThreshold: { value: 0 },
    },
    outlierDetection: base.outlierDetection ?? outlierDetection,
    transportSocketMatches: [...transportSocketMatches(service, caFile), ...base.transportSocketMatches],
    typedExtensionProtocolOptions: protocolOptions(base.typedExtensionProtocolOptions, http2),
  };
}

const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** In the order of their keys: serializers of maps know no order, and clusters must not change for nothing. */
function protocolOptions(
  base: Cluster['typedExtensionProtocolOptions'],
  http2: boolean,
): Cluster['typedExtensionProtocolOptions'] {
  const options = http2 ? { ...base, [httpOptions]: withHttp2(base[httpOptions]) } : base;
  return Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** HTTP/2, unless Envoy Gateway said something else than HTTP/1.1, which is what it says where it knows nothing. */
function withHttp2(base: Any | undefined): Any {
  const options = base ? HttpProtocolOptions.decode(base.value) : HttpProtocolOptions.fromPartial({});
  const protocol = options.upstreamProtocolOptions;
  if (base && protocol !== undefined) {
    if (protocol.$case !== 'explicitHttpConfig') return base;
    const { protocolConfig } = protocol.value;
    if (protocolConfig !== undefined && protocolConfig.$case !== 'httpProtocolOptions') return base;
  }
  return pack(httpOptions, HttpProtocolOptions, { ...options, upstreamProtocolOptions: explicitHttp2 });
}

const explicitHttp2 = HttpProtocolOptions.fromPartial({
  upstreamProtocolOptions: {
    $case: 'explicitHttpConfig',
    value: { protocolConfig: { $case: 'http2ProtocolOptions', value: {} } },
  },
}).upstreamProtocolOptions;

/** Field numbers of name, eds_cluster_config, metadata, alt_stat_name and load_assignment. */
const identity = [1, 3, 25, 28, 33];

/** What two rules must have in common to share a cluster: all of a serialized cluster but what says whose it is. */
export const sharedSettings = (base: Uint8Array): Uint8Array => withoutFields(base, identity);

/**
 * What tells apart clusters of one service: a hash of the settings that come from the rule. It follows from them alone,
 * so that a cluster keeps its name (and its connections) whatever other rules come and go. Undefined: just what Envoy
 * Gateway gives a rule without policies; `h2`: the same for gRPC.
 */
export function variantOf(base: Cluster, http2: boolean): string | undefined {
  const variant = settingsHash(base, http2);
  if (variant === settingsHash(plainBase, false)) return undefined;
  return variant === settingsHash(plainBase, true) ? 'h2' : variant;
}

const settingsHash = (base: Cluster, http2: boolean): string =>
  hash8(Cluster.encode(serviceCluster({ name: '', base, service: undefined, caFile: undefined, http2 })).finish());

/** What Envoy Gateway (1.9) gives a rule without policies. Filled in where a base says nothing, so that it is the same. */
const withDefaults = (base: Cluster): Partial<Cluster> => ({
  connectTimeout: base.connectTimeout ?? { seconds: 10n, nanos: 0 },
  perConnectionBufferLimitBytes: base.perConnectionBufferLimitBytes ?? 32_768,
  circuitBreakers: base.circuitBreakers ?? CircuitBreakers.fromPartial({ thresholds: [{ maxRetries: 1024 }] }),
  ignoreHealthOnHostRemoval: true,
});

const plainBase = Cluster.fromPartial({});

/**
 * Straight from us, past Envoy Gateway, so that a failure takes effect at once. The fetch timeout is finite: without
 * one, an Envoy that starts while we are away would hold back unrelated routes too.
 */
const edsConfig = ConfigSource.fromPartial({
  resourceApiVersion: ApiVersion.V3,
  initialFetchTimeout: { seconds: 10n, nanos: 0 },
  configSourceSpecifier: {
    $case: 'apiConfigSource',
    value: {
      apiType: ApiConfigSource_ApiType.DELTA_GRPC,
      transportApiVersion: ApiVersion.V3,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [
        {
          targetSpecifier: {
            $case: 'envoyGrpc',
            // Envoy's own back-off grows to 30 s: too long without news of health after a restart of ours.
            value: {
              clusterName: edsClusterName,
              retryPolicy: {
                retryBackOff: { baseInterval: { nanos: 100_000_000 }, maxInterval: { seconds: 1n } },
              },
            },
          },
        },
      ],
    },
  },
});

const edsConfigField = fieldOf(EDS_CONFIG, ConfigSource.encode(edsConfig).finish());

/**
 * The second line, for what happens between two probes: a host that five requests in a row could not connect to is
 * out for some seconds. Answers do not count (a 503 may be the application's own), and never more than half of the
 * hosts, so the last one always stays.
 */
const outlierDetection = OutlierDetection.fromPartial({
  interval: { seconds: 1n, nanos: 0 },
  baseEjectionTime: { seconds: 5n, nanos: 0 },
  maxEjectionTime: { seconds: 30n, nanos: 0 },
  maxEjectionPercent: 50,
  splitExternalLocalOriginErrors: true,
  consecutiveLocalOriginFailure: 5,
  enforcingConsecutiveLocalOriginFailure: 100,
  enforcingConsecutive5xx: 0,
  enforcingConsecutiveGatewayFailure: 0,
  enforcingSuccessRate: 0,
  enforcingLocalOriginSuccessRate: 0,
});

function loadBalancingPolicy(strategy: Strategy): LoadBalancingPolicy {
  return { policies: [{ typedExtensionConfig: policyConfig(strategy) }] };
}

function policyConfig(strategy: Strategy) {
  if (strategy === 'least-connections') {
    return {
      name: 'envoy.load_balancing_policies.least_request',
      typedConfig: pack(
        'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
        LeastRequest,
        // No locality weights, so that hosts compare across groups. Of four at random the one with the fewest requests:
        // with the usual two, a slow host among three would still get a ninth. Not of all: a host that refuses
        // connections has the fewest, and a retry would find no other.
        LeastRequest.fromPartial({ choiceCount: 4 }),
      ),
    };
  }
  const byGroup = { localityConfigSpecifier: { $case: 'localityWeightedLbConfig' as const, value: {} } };
  return {
    name: 'envoy.load_balancing_policies.round_robin',
    typedConfig: pack(
      'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin',
      RoundRobin,
      RoundRobin.fromPartial(strategy === 'weighted' ? { localityLbConfig: byGroup } : {}),
    ),
  };
}
