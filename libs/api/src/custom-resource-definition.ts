import { GROUP, VERSION } from './group.ts';
import type { KindDefinition, PrinterColumn } from './kind.ts';
import { kinds } from './kinds.ts';
import { structuralSchema } from './structural-schema.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** A CustomResourceDefinition of apiextensions.k8s.io/v1, as far as ours say anything. */
export type CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1';
  kind: 'CustomResourceDefinition';
  metadata: { name: string };
  spec: {
    group: string;
    names: {
      kind: string;
      listKind: string;
      plural: string;
      singular: string;
      shortNames: string[];
      categories: string[];
    };
    scope: 'Namespaced' | 'Cluster';
    versions: {
      name: string;
      served: boolean;
      storage: boolean;
      schema: { openAPIV3Schema: StructuralSchema };
      subresources: { status: Record<string, never> };
      additionalPrinterColumns: PrinterColumn[];
    }[];
  };
};

/** The CRDs of all kinds, computed from their definitions; a new value at each call. */
export const customResourceDefinitions = (): CustomResourceDefinition[] =>
  Object.values(kinds).map(customResourceDefinition);

/** The CRD of one kind. */
export function customResourceDefinition(definition: KindDefinition): CustomResourceDefinition {
  const { kind, plural, singular, shortNames, namespaced, columns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: [...shortNames],
        categories: ['tailscale-gateway'],
      },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: objectSchema(definition) },
          subresources: { status: {} },
          additionalPrinterColumns: columns.map((column) => ({ ...column })),
        },
      ],
    },
  };
}

function objectSchema({ description, spec, status }: KindDefinition): StructuralSchema {
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { description: 'Group and version of this object.', type: 'string' },
      kind: { description: 'Kind of this object.', type: 'string' },
      metadata: { type: 'object' },
      spec: { description: 'What is wanted.', ...structuralSchema(spec, 'spec') },
      status: { description: 'What is, as the operator found it.', ...structuralSchema(status, 'status') },
    },
  };
}
