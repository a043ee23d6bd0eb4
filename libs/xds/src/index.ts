export { stampCluster, unchanged } from './cluster-hook.ts';
export { hash16 } from './hash.ts';
export { emptyAssignment, isIpAddress, loadAssignment } from './load-assignment.ts';
export type { LoadAssignmentInput } from './load-assignment.ts';
export {
  edsClusterName,
  invalidBackendCluster,
  parseRuleClusterName,
  parseServiceClusterName,
  serviceClusterName,
} from './names.ts';
export type { RuleClusterName, ServiceClusterName } from './names.ts';
export { serviceCluster } from './service-cluster.ts';
export type { ServiceClusterInput } from './service-cluster.ts';
export { spliceTranslation } from './splice.ts';
export type { TranslationParts } from './splice.ts';
export { findStamps, translate, whyBehind } from './translation.ts';
export type { StampedTranslation, Translated, TranslateOptions } from './translation.ts';
export { MalformedMessageError } from './wire.ts';
