/** The group of the kinds that this project adds to Gateway API. */
export const TAILSCALE_GROUP = 'gateway.tailscale.com';
export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** The controller name that Envoy Gateway answers to; the embedded gateway takes its place. */
export const CONTROLLER_NAME = 'gateway.envoyproxy.io/gatewayclass-controller';

/** Kinds that may stand in a backendRef and are left to the extension server (`backendResources` of Envoy Gateway). */
export const CUSTOM_BACKEND_KINDS: readonly string[] = ['TailscaleServices', 'TailscaleEndpoints'];

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly generation?: number | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What every Kubernetes object has; the typed ones below name only the fields that are read. */
export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: ObjectMeta;
}

/** A condition as Kubernetes stores it. */
export interface StoredCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly observedGeneration?: number | undefined;
  readonly lastTransitionTime?: string | undefined;
}

export interface GatewayClass extends KubeObject {
  readonly spec: { readonly controllerName: string };
  readonly status?: unknown;
}

export interface Gateway extends KubeObject {
  readonly spec: { readonly gatewayClassName: string; readonly listeners?: readonly ListenerSpec[] | undefined };
  readonly status?: unknown;
}

export interface ListenerSpec {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly hostname?: string | undefined;
  readonly allowedRoutes?:
    | {
        readonly namespaces?:
          { readonly from?: string | undefined; readonly selector?: LabelSelector | undefined } | undefined;
        readonly kinds?: readonly { readonly group?: string | undefined; readonly kind: string }[] | undefined;
      }
    | undefined;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] | undefined }[]
    | undefined;
}

export interface ParentRef {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly sectionName?: string | undefined;
  readonly port?: number | undefined;
}

export interface HTTPRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[] | undefined;
    readonly hostnames?: readonly string[] | undefined;
    readonly rules?: readonly HTTPRouteRule[] | undefined;
  };
  readonly status?: unknown;
}

export interface HTTPRouteRule {
  readonly name?: string | undefined;
  readonly matches?: readonly HTTPRouteMatch[] | undefined;
  readonly filters?: readonly HTTPRouteFilter[] | undefined;
  readonly backendRefs?: readonly HTTPBackendRef[] | undefined;
  readonly timeouts?:
    { readonly request?: string | undefined; readonly backendRequest?: string | undefined } | undefined;
}

/** `Exact` (the default) or `RegularExpression`. */
export interface NamedMatch {
  readonly type?: string | undefined;
  readonly name: string;
  readonly value: string;
}

export interface HTTPRouteMatch {
  readonly path?: { readonly type?: string | undefined; readonly value?: string | undefined } | undefined;
  readonly headers?: readonly NamedMatch[] | undefined;
  readonly queryParams?: readonly NamedMatch[] | undefined;
  readonly method?: string | undefined;
}

export interface HeaderModifier {
  readonly set?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly add?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

export interface PathModifier {
  readonly type: string;
  readonly replaceFullPath?: string | undefined;
  readonly replacePrefixMatch?: string | undefined;
}

export interface HTTPRouteFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderModifier | undefined;
  readonly responseHeaderModifier?: HeaderModifier | undefined;
  readonly requestRedirect?:
    | {
        readonly scheme?: string | undefined;
        readonly hostname?: string | undefined;
        readonly path?: PathModifier | undefined;
        readonly port?: number | undefined;
        readonly statusCode?: number | undefined;
      }
    | undefined;
  readonly urlRewrite?:
    { readonly hostname?: string | undefined; readonly path?: PathModifier | undefined } | undefined;
}

export interface HTTPBackendRef {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly port?: number | undefined;
  readonly weight?: number | undefined;
}

export interface ReferenceGrant extends KubeObject {
  readonly spec: {
    readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
    readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string | undefined }[];
  };
}

export interface Service extends KubeObject {
  readonly spec: {
    readonly ports?: readonly { readonly name?: string | undefined; readonly port: number }[] | undefined;
  };
}

export interface EndpointSlice extends KubeObject {
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?: { readonly ready?: boolean | undefined } | undefined;
      }[]
    | undefined;
  readonly ports?: readonly { readonly name?: string | undefined; readonly port?: number | undefined }[] | undefined;
}

/** A TailscaleServices or TailscaleEndpoints: opaque here, handed to the extension server whole. */
export interface CustomBackend extends KubeObject {
  readonly kind: string;
}

/** An object of a kind that targets Gateways (`policyResources` of Envoy Gateway). */
export interface PolicyObject extends KubeObject {
  readonly spec?:
    | {
        readonly targetRefs?:
          readonly { readonly group?: string | undefined; readonly kind: string; readonly name: string }[] | undefined;
      }
    | undefined;
  readonly status?: unknown;
}

/** Everything that one translation reads. */
export interface Resources {
  readonly gatewayClasses: readonly GatewayClass[];
  readonly gateways: readonly Gateway[];
  readonly httpRoutes: readonly HTTPRoute[];
  readonly referenceGrants: readonly ReferenceGrant[];
  readonly customBackends: readonly CustomBackend[];
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly policies: readonly PolicyObject[];
  /** For `allowedRoutes.namespaces.from: Selector`. */
  readonly namespaces: readonly KubeObject[];
}

export const noResources: Resources = {
  gatewayClasses: [],
  gateways: [],
  httpRoutes: [],
  referenceGrants: [],
  customBackends: [],
  services: [],
  endpointSlices: [],
  policies: [],
  namespaces: [],
};

/** `namespace/name`. */
export const keyOf = (o: KubeObject): string => `${o.metadata.namespace ?? ''}/${o.metadata.name}`;

/** Gateway API's order between objects that claim the same: the oldest first, then by `namespace/name`. */
export function byAge(a: KubeObject, b: KubeObject): number {
  const [ta, tb] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (ta !== tb) return ta < tb ? -1 : 1;
  const [ka, kb] = [keyOf(a), keyOf(b)];
  return ka < kb ? -1 : ka > kb ? 1 : 0;
}
