import type { BackendKind } from '@tsgateway/model';

/** The static cluster of Envoy's bootstrap under which it finds our endpoint discovery. */
export const edsClusterName = 'tsgateway_eds';

/** What a cluster of ours stands for. */
export interface ServiceClusterName {
  readonly kind: BackendKind;
  readonly namespace: string;
  readonly name: string;
  /** Of the backendRef; 0: not known. */
  readonly port: number;
  /** What tells apart the clusters of one service whose settings differ: `h2`, or 8 hex digits of them. Undefined: plain. */
  readonly variant?: string | undefined;
}

/**
 * `tsgateway/<namespace>/<name>/<port>[/endpoints][/<variant>]`: the name of the cluster and of its endpoints.
 * `endpoints` marks a TailscaleEndpoints, which may have the name of a TailscaleServices.
 */
export function serviceClusterName(c: ServiceClusterName): string {
  const kind = c.kind === 'TailscaleEndpoints' ? '/endpoints' : '';
  const variant = c.variant === undefined ? '' : `/${c.variant}`;
  return `tsgateway/${c.namespace}/${c.name}/${c.port}${kind}${variant}`;
}

const dnsName = '[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?';
const serviceCluster = new RegExp(
  `^tsgateway/(${dnsName})/(${dnsName})/(\\d{1,5})(/endpoints)?(?:/(h2|[0-9a-f]{8}))?$`,
);

/** Undefined: the name is none of ours. */
export function parseServiceClusterName(text: string): ServiceClusterName | undefined {
  const [, namespace, name, port, endpoints, variant] = serviceCluster.exec(text) ?? [];
  if (namespace === undefined || name === undefined || Number(port) > 65_535) return undefined;
  return {
    kind: endpoints === undefined ? 'TailscaleServices' : 'TailscaleEndpoints',
    ...{ namespace, name, port: Number(port) },
    ...(variant !== undefined && { variant }),
  };
}

/** What Envoy Gateway's name of a rule's cluster says. */
export interface RuleClusterName {
  /** Without `/backend/<j>`: names the rule. */
  readonly rule: string;
  readonly routeKind: 'HTTPRoute' | 'GRPCRoute';
  readonly namespace: string;
  readonly name: string;
  readonly ruleIndex: number;
  /** Where the rule has a cluster for each backend. */
  readonly backendIndex?: number | undefined;
}

const ruleCluster = new RegExp(
  `^((http|grpc)route/(${dnsName})/(${dnsName})/rule/(\\d{1,9}))(?:/backend/(\\d{1,9}))?$`,
);

/** `httproute/<namespace>/<name>/rule/<i>[/backend/<j>]`, and grpcroute alike. Undefined: another name. */
export function parseRuleClusterName(text: string): RuleClusterName | undefined {
  const [, rule, protocol, namespace, name, ruleIndex, backendIndex] = ruleCluster.exec(text) ?? [];
  if (rule === undefined || namespace === undefined || name === undefined) return undefined;
  return {
    rule,
    routeKind: protocol === 'http' ? 'HTTPRoute' : 'GRPCRoute',
    ...{ namespace, name, ruleIndex: Number(ruleIndex) },
    ...(backendIndex !== undefined && { backendIndex: Number(backendIndex) }),
  };
}
