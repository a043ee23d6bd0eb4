import { createHash } from 'node:crypto';
import { apiVersionOf } from '../kinds/kind.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import type { JsonObject } from '../object.ts';

const metaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const listMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';

const pathOf = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

const schemaName = (kind: Kind): string => {
  const reversed = kind.group === '' ? 'io.k8s.api.core' : kind.group.split('.').reverse().join('.');
  return `${reversed}.${kind.version}.${kind.kind}`;
};

const groupVersionKind = (kind: Kind): JsonObject => ({ group: kind.group, kind: kind.kind, version: kind.version });

/** `/openapi/v3`: where the document of each group version is. The hash changes with the document. */
export function openApiIndex(kinds: KindRegistry): JsonObject {
  const paths: JsonObject = {};
  for (const [group, versions] of kinds.groupVersions()) {
    for (const version of versions.keys()) {
      const path = pathOf(group, version);
      const hash = createHash('sha256')
        .update(JSON.stringify(openApiDocument(kinds, path)))
        .digest('hex')
        .slice(0, 32)
        .toUpperCase();
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
    }
  }
  return { paths };
}

/** The OpenAPI v3 document of `api/v1` or `apis/<group>/<version>`, undefined where there is none. */
export function openApiDocument(kinds: KindRegistry, path: string): JsonObject | undefined {
  const [, group, version] = /^(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
  if (version === undefined) return undefined;
  const served = kinds
    .groupVersions()
    .get(group ?? '')
    ?.get(version);
  if (served === undefined) return undefined;
  const paths: JsonObject = {};
  const schemas: JsonObject = {};
  for (const kind of served) {
    Object.assign(paths, pathsOf(kind));
    schemas[schemaName(kind)] = objectSchema(kind);
    if (kind.answer === undefined) schemas[`${schemaName(kind)}List`] = listSchema(kind);
    const metadata = kind.schema.properties?.['metadata'];
    if (metadata !== undefined) schemas[metaName] = metadata as unknown as JsonObject;
  }
  schemas[listMetaName] = {
    type: 'object',
    description: 'ListMeta describes metadata that lists carry.',
    properties: {
      resourceVersion: { type: 'string' },
      continue: { type: 'string' },
      remainingItemCount: { type: 'integer', format: 'int64' },
    },
  };
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.34.4' }, paths, components: { schemas } };
}

const reference = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

/** Metadata is one shared schema, described where it is used, as the API server publishes it. */
function objectSchema(kind: Kind): JsonObject {
  const schema = kind.schema as unknown as JsonObject;
  const properties = kind.schema.properties ?? {};
  return {
    ...schema,
    properties: {
      ...(properties as unknown as JsonObject),
      metadata: { allOf: [reference(metaName)], description: "Standard object's metadata.", default: {} },
    },
    'x-kubernetes-group-version-kind': [groupVersionKind(kind)],
  };
}

function listSchema(kind: Kind): JsonObject {
  return {
    type: 'object',
    description: `${kind.listKind} is a list of ${kind.kind}`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [reference(listMetaName)] },
      items: { type: 'array', items: { allOf: [reference(schemaName(kind))] } },
    },
    'x-kubernetes-group-version-kind': [{ group: kind.group, kind: kind.listKind, version: kind.version }],
  };
}

const query = (name: string, type = 'string'): JsonObject => ({
  name,
  in: 'query',
  schema: { type, uniqueItems: true },
});
const writeParameters = [query('dryRun'), query('fieldManager'), query('fieldValidation')];

/** Operations, as far as clients look: their kind, and which query parameters they take. */
function pathsOf(kind: Kind): JsonObject {
  const base = `/${pathOf(kind.group, kind.version)}`;
  const collection = kind.namespaced ? `${base}/namespaces/{namespace}/${kind.plural}` : `${base}/${kind.plural}`;
  const operation = (action: string, parameters: JsonObject[] = []): JsonObject => ({
    operationId: `${action}${apiVersionOf(kind).replace(/[^A-Za-z0-9]/g, '')}${kind.kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
    parameters,
    responses: {
      '200': { description: 'OK', content: { 'application/json': { schema: reference(schemaName(kind)) } } },
    },
  });
  if (kind.answer !== undefined) return { [collection]: { post: operation('post', writeParameters) } };
  return {
    [collection]: {
      get: operation('list'),
      post: operation('post', writeParameters),
      delete: operation('deletecollection'),
    },
    [`${collection}/{name}`]: {
      get: operation('get'),
      put: operation('put', writeParameters),
      patch: operation('patch', [...writeParameters, query('force', 'boolean')]),
      delete: operation('delete'),
    },
    ...(kind.namespaced ? { [`${base}/${kind.plural}`]: { get: operation('list') } } : {}),
  };
}
