export type { ApiServer, StartApiServer } from './api-server.ts';
export { gatewayApiDefinitions } from './kinds/gateway-api.ts';
export { startKubeApi } from './start-kube-api.ts';
export type { DefinitionLike, KubeApi, KubeApiLimits, KubeApiOptions } from './start-kube-api.ts';
export type { CustomResourceDefinition, CustomResourceVersion } from './kinds/custom.ts';
