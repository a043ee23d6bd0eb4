import { AccessLog, AccessLogFilter } from '@tsgateway/protos/envoy/config/accesslog/v3/accesslog';
import { ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { GrpcService } from '@tsgateway/protos/envoy/config/core/v3/grpc_service';
import { LocalReplyConfig } from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { edsClusterName } from './names.ts';
import type { Resource } from './splice.ts';
import { concat, fieldOf, hasField, readable, mapField, Pieces, replaceValues, stringOf, valuesOf } from './wire.ts';

/** Field numbers. */
const LISTENER = { filterChains: 3, defaultFilterChain: 25 } as const;
const FILTERS = 3;
const TYPED_CONFIG = 4;
const ANY = { typeUrl: 1, value: 2 } as const;
const MANAGER = { rds: 3, accessLog: 13, localReplyConfig: 38 } as const;
const ROUTE_CONFIG_NAME = 2;

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** What a listener is made to do about requests to our clusters, and only these. */
export interface ListenerEdit {
  /** The names of the route configurations that lead to our clusters: of other connection managers nothing changes. */
  readonly routeConfigurations: ReadonlySet<string>;
  /** Envoy tells the extension servers of each request when it has ended. */
  readonly accessLog: boolean;
}

/**
 * Lets a listener say which service has no backend, where Envoy alone says "no healthy upstream": the body of a 503 from
 * one of our clusters, behind the user's own mappers. And lets it log to the extension servers, beside its other logs:
 * over the cluster of the bootstrap, so that it needs no Service of Kubernetes, which, if it were missing, would cost a
 * Gateway all its logs. A proxy without that cluster drops what it cannot send.
 *
 * @returns undefined where nothing changes, also where the listener cannot be read.
 */
export function editListener(
  request: Uint8Array,
  listener: Resource,
  { routeConfigurations, accessLog }: ListenerEdit,
): Pieces | undefined {
  const inManager = (from: number, to: number): Pieces | undefined => {
    const manager = request.subarray(from, to);
    const rds = valuesOf(manager, MANAGER.rds).at(-1);
    if (rds === undefined || !routeConfigurations.has(stringOf(rds, ROUTE_CONFIG_NAME))) return undefined;
    const edited = new Pieces();
    if (hasField(manager, MANAGER.localReplyConfig)) {
      edited.add(mapField(manager, MANAGER.localReplyConfig, (config) => concat([config, mapper])));
    } else {
      edited.add(manager);
      edited.add(fieldOf(MANAGER.localReplyConfig, mapper));
    }
    if (accessLog) edited.add(fieldOf(MANAGER.accessLog, flowLog));
    return edited;
  };
  const inConfig = (from: number, to: number): Pieces | undefined => {
    if (stringOf(request.subarray(from, to), ANY.typeUrl) !== managerType) return undefined;
    return replaceValues(request, { from, to, fields: [ANY.value] }, inManager);
  };
  const inFilter = (from: number, to: number) => replaceValues(request, { from, to, fields: [TYPED_CONFIG] }, inConfig);
  const inChain = (from: number, to: number) => replaceValues(request, { from, to, fields: [FILTERS] }, inFilter);
  return readable(() =>
    replaceValues(request, { ...listener, fields: [LISTENER.filterChains, LISTENER.defaultFilterChain] }, inChain),
  );
}

type Filter = NonNullable<AccessLogFilter['filterSpecifier']>;

/** By the names of clusters: what other routes do is not ours to change, or to know. */
const toOurCluster: Filter = {
  $case: 'extensionFilter',
  value: {
    name: 'envoy.access_loggers.extension_filters.cel',
    configType: {
      $case: 'typedConfig',
      value: {
        typeUrl: 'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
        value: Buffer.from(fieldOf(1, new TextEncoder().encode("xds.cluster_name.startsWith('tsgateway/')"))),
      },
    },
  },
};

const noBackend = AccessLogFilter.fromPartial({
  filterSpecifier: {
    $case: 'andFilter',
    value: {
      filters: [
        { filterSpecifier: { $case: 'responseFlagFilter', value: { flags: ['UH'] } } },
        { filterSpecifier: toOurCluster },
      ],
    },
  },
});

const mapper = LocalReplyConfig.encode(
  LocalReplyConfig.fromPartial({
    mappers: [
      {
        filter: noBackend,
        bodyFormatOverride: {
          format: {
            $case: 'textFormatSource',
            value: {
              specifier: { $case: 'inlineString', value: 'no backend of %UPSTREAM_CLUSTER_RAW% is available' },
            },
          },
        },
      },
    ],
  }),
).finish();

/** Fields of the logger's configuration, and of what all gRPC loggers have in common. */
const HTTP_LOG = { common: 1 } as const;
const COMMON_LOG = { name: 1, service: 2, apiVersion: 6 } as const;

const flowLog = AccessLog.encode(
  AccessLog.fromPartial({
    name: 'envoy.access_loggers.http_grpc',
    filter: { filterSpecifier: toOurCluster },
    configType: {
      $case: 'typedConfig',
      value: {
        typeUrl: 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig',
        value: Buffer.from(
          fieldOf(
            HTTP_LOG.common,
            concat([
              fieldOf(COMMON_LOG.name, new TextEncoder().encode('tsgateway')),
              fieldOf(
                COMMON_LOG.service,
                GrpcService.encode(
                  GrpcService.fromPartial({
                    targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: edsClusterName } },
                  }),
                ).finish(),
              ),
              // A number, so no length: tag and value.
              Uint8Array.of(COMMON_LOG.apiVersion * 8, ApiVersion.V3),
            ]),
          ),
        ),
      },
    },
  }),
).finish();
