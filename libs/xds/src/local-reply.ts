import { AccessLogFilter } from '@tsgateway/protos/envoy/config/accesslog/v3/accesslog';
import { LocalReplyConfig } from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { Resource } from './splice.ts';
import { concat, fieldOf, hasField, readable, mapField, Pieces, replaceValues, stringOf, valuesOf } from './wire.ts';

/** Field numbers. */
const LISTENER = { filterChains: 3, defaultFilterChain: 25 } as const;
const FILTERS = 3;
const TYPED_CONFIG = 4;
const ANY = { typeUrl: 1, value: 2 } as const;
const MANAGER = { rds: 3, localReplyConfig: 38 } as const;
const ROUTE_CONFIG_NAME = 2;

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/**
 * Lets a listener say which service has no backend, where Envoy alone says "no healthy upstream": the body of a 503 from
 * one of our clusters. Only in the connection managers whose routes lead to them, and behind the user's own mappers.
 *
 * @param routeConfigurations the names of those that lead to our clusters.
 * @returns undefined where nothing changes, also where the listener cannot be read.
 */
export function explainNoBackend(
  request: Uint8Array,
  listener: Resource,
  routeConfigurations: ReadonlySet<string>,
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

/** Only replies of our own clusters: what other routes answer is not ours to change. */
const noBackend = AccessLogFilter.fromPartial({
  filterSpecifier: {
    $case: 'andFilter',
    value: {
      filters: [
        { filterSpecifier: { $case: 'responseFlagFilter', value: { flags: ['UH'] } } },
        {
          filterSpecifier: {
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
          },
        },
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
