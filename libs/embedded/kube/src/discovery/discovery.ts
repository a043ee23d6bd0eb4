import type { Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import type { JsonObject } from '../object.ts';

export const version: JsonObject = {
  major: '1',
  minor: '34',
  gitVersion: 'v1.34.4-embedded',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: `${process.platform}/${process.arch}`,
};

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const customVerbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];

function verbsOf(kind: Kind): string[] {
  if (kind.answer !== undefined) return ['create'];
  if (kind.custom) return customVerbs;
  return kind.bucket === '/namespaces' ? verbs.filter((verb) => verb !== 'deletecollection') : verbs;
}

/** `/api` */
export function coreVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis` */
export function groupList(kinds: KindRegistry): JsonObject {
  const groups = [...kinds.groupVersions()]
    .filter(([name]) => name !== '')
    .map(([name, versions]) => groupOf(name, [...versions.keys()]));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

function groupOf(name: string, versions: string[]): JsonObject {
  const entries = ordered(versions).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: entries, preferredVersion: entries[0] ?? {} };
}

/** `/apis/<group>`, undefined where there is no such group. */
export function group(kinds: KindRegistry, name: string): JsonObject | undefined {
  const versions = kinds.groupVersions().get(name);
  return versions === undefined || name === ''
    ? undefined
    : { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(name, [...versions.keys()]) };
}

/** Versions by Kubernetes' priority: v2, v1, v1beta1, v1alpha1. */
function ordered(versions: string[]): string[] {
  const rank = (version: string): [number, number, number] => {
    const [, major, stage, minor] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
    return [stage === undefined ? 2 : stage === 'beta' ? 1 : 0, Number(major ?? 0), Number(minor ?? 0)];
  };
  return [...versions].sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return y[0] - x[0] || y[1] - x[1] || y[2] - x[2];
  });
}

/** `/api/v1` or `/apis/<group>/<version>`, undefined where there is none. */
export function resourceList(kinds: KindRegistry, of: { group: string; version: string }): JsonObject | undefined {
  const served = kinds.groupVersions().get(of.group)?.get(of.version);
  if (served === undefined) return undefined;
  const resources = served.flatMap((kind) => [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: verbsOf(kind),
      ...(kind.shortNames.length === 0 ? {} : { shortNames: [...kind.shortNames] }),
      ...(kind.categories.length === 0 ? {} : { categories: [...kind.categories] }),
      ...(kind.answer === undefined
        ? { storageVersionHash: Buffer.from(kind.bucket).toString('base64').slice(0, 11) + '=' }
        : {}),
    },
    ...(kind.status
      ? [
          {
            name: `${kind.plural}/status`,
            singularName: '',
            namespaced: kind.namespaced,
            kind: kind.kind,
            verbs: ['get', 'patch', 'update'],
          },
        ]
      : []),
  ]);
  const groupVersion = of.group === '' ? of.version : `${of.group}/${of.version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

/** The aggregated form of discovery (apidiscovery.k8s.io/v2) of the core group, or of all others. */
export function aggregatedDiscovery(kinds: KindRegistry, which: 'core' | 'groups'): JsonObject {
  const groups = [...kinds.groupVersions()].filter(([name]) => (name === '') === (which === 'core'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(([name, versions]) => ({
      metadata: { ...(name === '' ? {} : { name }), creationTimestamp: null },
      versions: ordered([...versions.keys()]).map((version) => ({
        version,
        freshness: 'Current',
        resources: (versions.get(version) ?? []).map(discoveredResource),
      })),
    })),
  };
}

function discoveredResource(kind: Kind): JsonObject {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  return {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length === 0 ? {} : { shortNames: [...kind.shortNames] }),
    ...(kind.categories.length === 0 ? {} : { categories: [...kind.categories] }),
    ...(kind.status
      ? { subresources: [{ subresource: 'status', responseKind, verbs: ['get', 'patch', 'update'] }] }
      : {}),
  };
}
