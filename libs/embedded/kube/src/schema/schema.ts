import type { Json } from '../object.ts';

/** A rule of `x-kubernetes-validations`. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** A node of an OpenAPI v3 schema as CustomResourceDefinitions carry it. */
export interface Schema {
  type?: string;
  format?: string;
  title?: string;
  description?: string;
  default?: Json;
  example?: Json;
  nullable?: boolean;
  enum?: Json[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'granular' | 'atomic';
  'x-kubernetes-validations'?: ValidationRule[];
}

/** The schema of a named property: its own, else that of additional properties, else none. */
export function propertySchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const own = schema.properties;
  if (own !== undefined && Object.hasOwn(own, key)) return own[key];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** True where a named field of a struct is declared (not an entry of a map). */
export function isDeclared(schema: Schema | undefined, key: string): boolean {
  return schema?.properties !== undefined && Object.hasOwn(schema.properties, key);
}

/** The fields that every object has at its root. */
export const typeMeta: Record<string, Schema> = {
  apiVersion: {
    type: 'string',
    description:
      'The versioned schema of this representation of an object. Servers convert recognized schemas to the latest internal value and may reject unrecognized ones.',
  },
  kind: { type: 'string', description: 'The REST resource this object represents, in CamelCase. Cannot be updated.' },
};

const strings: Schema = { type: 'object', additionalProperties: { type: 'string' } };

/** metav1.ObjectMeta, with the list keys that server-side apply needs. */
export const objectMetaSchema: Schema = {
  type: 'object',
  description: 'Standard metadata of an object.',
  properties: {
    name: { type: 'string', description: 'Name, unique within a namespace. Cannot be updated.' },
    generateName: { type: 'string', description: 'A prefix the server makes a unique name of when no name is given.' },
    namespace: { type: 'string', description: 'The namespace within which the name is unique. Cannot be updated.' },
    selfLink: { type: 'string' },
    uid: { type: 'string', description: 'Unique in time and space, set by the server.' },
    resourceVersion: {
      type: 'string',
      description: 'Opaque version of the object, for optimistic concurrency and watches.',
    },
    generation: { type: 'integer', format: 'int64', description: 'Number of the desired state, set by the server.' },
    creationTimestamp: { type: 'string', format: 'date-time', nullable: true },
    deletionTimestamp: { type: 'string', format: 'date-time', nullable: true },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64' },
    labels: { ...strings, description: 'Keys and values to organize and select objects.' },
    annotations: { ...strings, description: 'Arbitrary metadata that is not used to select objects.' },
    finalizers: {
      type: 'array',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'set',
      description: 'Must be empty before the object is removed.',
    },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      description: 'Objects depended on by this object; it is deleted when all of them are gone.',
      items: {
        type: 'object',
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: { type: 'string' },
          kind: { type: 'string' },
          name: { type: 'string' },
          uid: { type: 'string' },
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: {
      type: 'array',
      'x-kubernetes-list-type': 'atomic',
      items: {
        type: 'object',
        properties: {
          manager: { type: 'string' },
          operation: { type: 'string' },
          apiVersion: { type: 'string' },
          time: { type: 'string', format: 'date-time' },
          fieldsType: { type: 'string' },
          fieldsV1: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          subresource: { type: 'string' },
        },
      },
    },
  },
};
