import type { handleUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';
import { EnvoyGatewayExtensionService } from '@tsgateway/protos/proto/extension/service';
import { type GatheredMessage, MalformedMessageError, stampCluster, unchanged } from '@tsgateway/xds';
import { HookError } from './hook-error.ts';
import type { TranslationHook } from './translation-hook.ts';

type Response = Uint8Array | GatheredMessage;
type Hook = (request: Uint8Array) => Response | Promise<Response>;

/** Requests and responses stay serialized: a hook touches only what it changes, so that unknown fields survive. */
const serialized = <T extends { path: string }>(method: T) => ({
  ...method,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (response: Response) =>
    response instanceof Uint8Array
      ? Buffer.from(response.buffer, response.byteOffset, response.byteLength)
      : // grpc-js asks for no more than `byteLength` and `copy`: so a large response is copied once, into its frame.
        (response as unknown as Buffer),
});

/** Envoy Gateway's extension service over serialized messages. */
export const hookDefinition = Object.fromEntries(
  Object.entries(EnvoyGatewayExtensionService).map(([name, method]) => [name, serialized(method)]),
) as unknown as ServiceDefinition;

/** All six hooks. Those that Envoy Gateway need not call for us answer that nothing changes. */
export function hookService(translation: TranslationHook, log: Logger): UntypedServiceImplementation {
  const hooks: Record<keyof typeof EnvoyGatewayExtensionService, Hook> = {
    postRouteModify: unchanged,
    postVirtualHostModify: unchanged,
    postHttpListenerModify: unchanged,
    postClusterModify: stampCluster,
    postEndpointsModify: unchanged,
    postTranslateModify: (request) => translation.handle(request),
  };
  return Object.fromEntries(Object.entries(hooks).map(([name, hook]) => [name, unary(name, hook, log)]));
}

function unary(name: string, hook: Hook, log: Logger): handleUnaryCall<Uint8Array, Response> {
  return (call, done) => {
    Promise.resolve()
      .then(() => hook(call.request))
      .then(
        (response) => done(null, response),
        (error: unknown) => {
          const code = codeOf(error);
          log.error({ hook: name, err: error }, 'Hook failed');
          done({ code, details: error instanceof Error ? error.message : String(error) });
        },
      );
  };
}

function codeOf(error: unknown): status {
  if (error instanceof HookError) return error.code;
  return error instanceof MalformedMessageError ? status.INVALID_ARGUMENT : status.INTERNAL;
}
