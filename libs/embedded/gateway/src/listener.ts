import { ApiVersion } from '@tsgateway/protos/envoy/config/core/v3/config_source';
import { HttpProtocolOptions_HeadersWithUnderscoresAction } from '@tsgateway/protos/envoy/config/core/v3/protocol';
import { Listener } from '@tsgateway/protos/envoy/config/listener/v3/listener';
import { Router } from '@tsgateway/protos/envoy/extensions/filters/http/router/v3/router';
import {
  HttpConnectionManager,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
} from '@tsgateway/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { HTTP_CONNECTION_MANAGER, pack, ROUTER } from './any.ts';

export interface ListenerInput {
  /** Also the name of its route configuration. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** A plain HTTP listener with the settings that Envoy Gateway gives it; routes come over ADS. */
export function httpListener({ name, address, port }: ListenerInput): Listener {
  return Listener.fromPartial({
    name,
    address: {
      address: {
        $case: 'socketAddress',
        value: { address, portSpecifier: { $case: 'portValue', value: port } },
      },
    },
    perConnectionBufferLimitBytes: 32_768,
    maxConnectionsToAcceptPerSocketEvent: 1,
    defaultFilterChain: {
      name,
      filters: [
        {
          name: 'envoy.filters.network.http_connection_manager',
          configType: {
            $case: 'typedConfig',
            value: pack(HTTP_CONNECTION_MANAGER, HttpConnectionManager, connectionManager(name, port)),
          },
        },
      ],
    },
  });
}

const connectionManager = (
  routeConfigName: string,
  port: number,
): Parameters<typeof HttpConnectionManager.fromPartial>[0] => ({
  statPrefix: `http-${port}`,
  routeSpecifier: {
    $case: 'rds',
    value: {
      routeConfigName,
      configSource: { configSourceSpecifier: { $case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3 },
    },
  },
  httpFilters: [
    {
      name: 'envoy.filters.http.router',
      configType: { $case: 'typedConfig', value: pack(ROUTER, Router, { suppressEnvoyHeaders: true }) },
    },
  ],
  commonHttpProtocolOptions: {
    headersWithUnderscoresAction: HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST,
  },
  http2ProtocolOptions: {
    initialConnectionWindowSize: 1_048_576,
    initialStreamWindowSize: 65_536,
    maxConcurrentStreams: 100,
  },
  serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
  useRemoteAddress: true,
  normalizePath: true,
  mergeSlashes: true,
  pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT,
});
