export { startKubeApi } from './start-kube-api.ts';
export type { DefinitionLike, KubeApi, KubeApiLimits, KubeApiOptions } from './start-kube-api.ts';
export type { CustomResourceDefinition, CustomResourceVersion } from './kinds/custom.ts';
