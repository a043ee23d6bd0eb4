import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import { RE2JS } from 're2js';

import { drift } from '../generate.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** Every schema in every CRD, with its path. */
function schemas(): [string, StructuralSchema][] {
  const walk = (schema: StructuralSchema, path: string): [string, StructuralSchema][] => [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => walk(child, `${path}.${name}`)),
    ...(schema.items ? walk(schema.items, `${path}[]`) : []),
    ...(schema.additionalProperties ? walk(schema.additionalProperties, `${path}{}`) : []),
  ];
  return customResourceDefinitions().flatMap((crd) =>
    crd.spec.versions.flatMap((v) => walk(v.schema.openAPIV3Schema, crd.spec.names.kind)),
  );
}

describe('the CRDs', () => {
  it('are those in deploy/crds', () => {
    expect(drift(join(import.meta.dirname, '../../../deploy/crds'))).toEqual([]);
  });

  it('describe every field', () => {
    const bare = schemas().flatMap(([path, schema]) =>
      Object.entries(schema.properties ?? {})
        .filter(([name, child]) => !child.description && !(name === 'metadata'))
        .map(([name]) => `${path}.${name}`),
    );
    expect(bare).toEqual([]);
  });

  it('use patterns that RE2 knows', () => {
    for (const [, { pattern }] of schemas()) if (pattern !== undefined) RE2JS.compile(pattern);
  });

  it('have list keys that are required or have a default, as the API server demands', () => {
    const missing = schemas().flatMap(([path, { items, 'x-kubernetes-list-map-keys': keys = [] }]) =>
      keys
        .filter((k) => !items?.required?.includes(k) && items?.properties?.[k]?.default === undefined)
        .map((k) => `${path}[].${k}`),
    );
    expect(missing).toEqual([]);
  });

  it('blame fields that exist', () => {
    const missing = schemas().flatMap(([path, { properties, 'x-kubernetes-validations': rules = [] }]) =>
      rules.flatMap(({ fieldPath }) => (fieldPath && !properties?.[fieldPath.slice(1)] ? [`${path}${fieldPath}`] : [])),
    );
    expect(missing).toEqual([]);
  });

  it('have columns whose fields exist', () => {
    const known = new Set(schemas().map(([path]) => path));
    const missing = customResourceDefinitions().flatMap(({ spec }) =>
      spec.versions.flatMap((v) =>
        v.additionalPrinterColumns
          .map(({ jsonPath }) => `${spec.names.kind}${jsonPath.replaceAll(/\[[^\]]*\]/g, '[]')}`)
          .filter((path) => !path.endsWith('.metadata.creationTimestamp') && !known.has(path)),
      ),
    );
    expect(missing).toEqual([]);
  });
});
