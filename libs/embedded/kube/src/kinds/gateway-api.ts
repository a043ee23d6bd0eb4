import type { Schema } from '../schema/schema.ts';
import type { CustomResourceDefinition } from './custom.ts';
import type { PrinterColumn } from './columns.ts';
import { atomicList, conditions, int, mapList, or, struct, text, textMap } from './schema-builder.ts';

// The fields of the Gateway API that clusters default, merge by key or require; others are kept as they come. The
// full schemas come with the real CRDs, which can be applied over these.

const hostname: Schema = { type: 'string', minLength: 1, maxLength: 253 };
const port: Schema = { type: 'integer', format: 'int32', minimum: 1, maximum: 65535 };
const gatewayGroup = 'gateway.networking.k8s.io';

const parentReference: Schema = struct(
  { group: or(gatewayGroup, text), kind: or('Gateway', text), namespace: text, name: text, sectionName: text, port },
  { required: ['name'] },
);

const backendReference = {
  group: or('', text),
  kind: or('Service', text),
  name: text,
  namespace: text,
  port,
  weight: or(1, { type: 'integer', format: 'int32', minimum: 0, maximum: 1000000 }),
};

const backendRefs: Schema = atomicList(struct(backendReference, { required: ['name'] }));

const filters: Schema = atomicList(struct({ type: text }, { required: ['type'] }));

const headerMatches: Schema = mapList(
  ['name'],
  struct({ name: text, type: or('Exact', text), value: text }, { required: ['name', 'value'] }),
);

const routeStatus: Schema = struct({
  parents: atomicList(
    struct(
      { parentRef: parentReference, controllerName: text, conditions },
      { required: ['parentRef', 'controllerName'] },
    ),
  ),
});

function definition(of: {
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  cluster?: boolean;
  versions: string[];
  spec: Schema;
  status?: Schema;
  columns: PrinterColumn[];
}): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${of.plural}.${gatewayGroup}`,
      annotations: {
        // A group of Kubernetes' own wants to know who approved it.
        'api-approved.kubernetes.io': 'unapproved, a subset of the Gateway API',
        'gateway.networking.k8s.io/channel': 'embedded',
      },
    },
    spec: {
      group: gatewayGroup,
      scope: of.cluster === true ? 'Cluster' : 'Namespaced',
      names: {
        plural: of.plural,
        singular: of.singular,
        kind: of.kind,
        listKind: `${of.kind}List`,
        shortNames: of.shortNames,
        categories: ['gateway-api'],
      },
      versions: of.versions.map((name, i) => ({
        name,
        served: true,
        storage: i === 0,
        additionalPrinterColumns: [
          ...of.columns,
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        ...(of.status === undefined ? {} : { subresources: { status: {} } }),
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: `${of.kind} of the Gateway API.`,
            required: ['spec'],
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: of.spec,
              ...(of.status === undefined ? {} : { status: of.status }),
            },
          },
        },
      })),
    },
  };
}

const unknownCondition = (type: string): { [key: string]: string } => ({
  type,
  status: 'Unknown',
  reason: 'Pending',
  message: 'Waiting for controller',
  lastTransitionTime: '1970-01-01T00:00:00Z',
});

/** GatewayClass, Gateway, HTTPRoute, GRPCRoute, ReferenceGrant, and Envoy Gateway's EnvoyProxy. */
export function gatewayApiDefinitions(): CustomResourceDefinition[] {
  const routeSpec = (rule: Schema): Schema =>
    struct({
      parentRefs: atomicList(parentReference),
      hostnames: { ...atomicList(hostname), maxItems: 16 },
      rules: { ...atomicList(rule), maxItems: 16 },
    });
  const hostnames: PrinterColumn = { name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' };
  return [
    definition({
      kind: 'GatewayClass',
      plural: 'gatewayclasses',
      singular: 'gatewayclass',
      shortNames: ['gc'],
      cluster: true,
      versions: ['v1', 'v1beta1'],
      spec: struct(
        {
          controllerName: {
            type: 'string',
            minLength: 1,
            maxLength: 253,
            'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'Value is immutable' }],
          },
          description: { type: 'string', maxLength: 64 },
        },
        { required: ['controllerName'] },
      ),
      status: or({ conditions: [unknownCondition('Accepted')] }, struct({ conditions })),
      columns: [
        { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
        { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
      ],
    }),
    definition({
      kind: 'Gateway',
      plural: 'gateways',
      singular: 'gateway',
      shortNames: ['gtw'],
      versions: ['v1', 'v1beta1'],
      spec: struct(
        {
          gatewayClassName: { type: 'string', minLength: 1, maxLength: 253 },
          addresses: atomicList(struct({ type: or('IPAddress', text), value: text })),
          infrastructure: struct({
            labels: textMap,
            annotations: textMap,
            parametersRef: struct({ group: text, kind: text, name: text }),
          }),
          listeners: {
            ...mapList(
              ['name'],
              struct(
                {
                  name: hostname,
                  hostname,
                  port,
                  protocol: text,
                  tls: struct({
                    mode: or('Terminate', text),
                    certificateRefs: atomicList(
                      struct({ group: or('', text), kind: or('Secret', text), name: text, namespace: text }),
                    ),
                  }),
                  allowedRoutes: or(
                    { namespaces: { from: 'Same' } },
                    struct({
                      namespaces: or({ from: 'Same' }, struct({ from: or('Same', text) })),
                      kinds: atomicList(struct({ group: or(gatewayGroup, text), kind: text })),
                    }),
                  ),
                },
                { required: ['name', 'port', 'protocol'] },
              ),
            ),
            minItems: 1,
            maxItems: 64,
          },
        },
        { required: ['gatewayClassName', 'listeners'] },
      ),
      status: or(
        { conditions: [unknownCondition('Accepted'), unknownCondition('Programmed')] },
        struct({
          conditions,
          addresses: atomicList(struct({ type: or('IPAddress', text), value: text })),
          listeners: mapList(
            ['name'],
            struct(
              {
                name: text,
                attachedRoutes: int,
                supportedKinds: atomicList(struct({ group: or(gatewayGroup, text), kind: text })),
                conditions,
              },
              { required: ['name'] },
            ),
          ),
        }),
      ),
      columns: [
        { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
        { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
        { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
      ],
    }),
    definition({
      kind: 'HTTPRoute',
      plural: 'httproutes',
      singular: 'httproute',
      shortNames: [],
      versions: ['v1', 'v1beta1'],
      spec: {
        ...routeSpec(
          struct({
            name: text,
            matches: or(
              [{ path: { type: 'PathPrefix', value: '/' } }],
              atomicList(
                struct({
                  path: or(
                    { type: 'PathPrefix', value: '/' },
                    struct({ type: or('PathPrefix', text), value: or('/', text) }),
                  ),
                  headers: headerMatches,
                  queryParams: headerMatches,
                  method: text,
                }),
              ),
            ),
            filters,
            backendRefs: atomicList(struct({ ...backendReference, filters }, { required: ['name'] })),
            timeouts: struct({ request: text, backendRequest: text }),
          }),
        ),
      },
      status: routeStatus,
      columns: [hostnames],
    }),
    definition({
      kind: 'GRPCRoute',
      plural: 'grpcroutes',
      singular: 'grpcroute',
      shortNames: [],
      versions: ['v1'],
      spec: routeSpec(
        struct({
          matches: atomicList(
            struct({
              method: struct({ type: or('Exact', text), service: text, method: text }),
              headers: headerMatches,
            }),
          ),
          filters,
          backendRefs,
        }),
      ),
      status: routeStatus,
      columns: [hostnames],
    }),
    definition({
      kind: 'ReferenceGrant',
      plural: 'referencegrants',
      singular: 'referencegrant',
      shortNames: ['refgrant'],
      versions: ['v1beta1', 'v1'],
      spec: struct(
        {
          from: {
            ...atomicList(
              struct({ group: text, kind: text, namespace: text }, { required: ['group', 'kind', 'namespace'] }),
            ),
            minItems: 1,
          },
          to: {
            ...atomicList(struct({ group: text, kind: text, name: text }, { required: ['group', 'kind'] })),
            minItems: 1,
          },
        },
        { required: ['from', 'to'] },
      ),
      columns: [],
    }),
    envoyProxyDefinition(),
  ];
}

/** Envoy Gateway's EnvoyProxy, kept as it comes. */
function envoyProxyDefinition(): CustomResourceDefinition {
  const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'envoyproxies.gateway.envoyproxy.io' },
    spec: {
      group: 'gateway.envoyproxy.io',
      scope: 'Namespaced',
      names: {
        plural: 'envoyproxies',
        singular: 'envoyproxy',
        kind: 'EnvoyProxy',
        listKind: 'EnvoyProxyList',
        shortNames: ['eproxy'],
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: 'Configuration of a managed Envoy.',
              properties: { spec: free, status: free },
            },
          },
        },
      ],
    },
  };
}
