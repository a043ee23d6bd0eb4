export { callUnary } from './call-unary.ts';
export type { CallUnaryOptions, InvokeUnary } from './call-unary.ts';
export { clientOptions } from './client-options.ts';
export { LatestPerKey } from './latest-per-key.ts';
export type { LatestPerKeyOptions, MessageSink } from './latest-per-key.ts';
export { createRpcServer } from './rpc-server.ts';
export type { RpcServer, RpcServerOptions } from './rpc-server.ts';
export { watchStream } from './watch-stream.ts';
export type { WatchStreamOptions } from './watch-stream.ts';
