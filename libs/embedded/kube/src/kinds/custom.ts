import { RuleSet, ruleErrors } from '../cel/rules.ts';
import { clone, isObject, jsonEqual } from '../object.ts';
import type { KubeObject } from '../object.ts';
import { objectMetaSchema, typeMeta } from '../schema/schema.ts';
import { prune } from '../schema/prune.ts';
import type { Schema } from '../schema/schema.ts';
import { validate } from '../schema/validate.ts';
import type { FieldError } from '../status-error.ts';
import { ageColumn, nameColumn, printerColumn } from './columns.ts';
import type { PrinterColumn } from './columns.ts';
import type { Kind } from './kind.ts';

/** One version of a CustomResourceDefinition, as far as the embedded API reads it. */
export interface CustomResourceVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  schema?: { openAPIV3Schema?: object };
  subresources?: { status?: object; scale?: object };
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

/** `apiextensions.k8s.io/v1` CustomResourceDefinition. */
export interface CustomResourceDefinition {
  apiVersion: string;
  kind: string;
  metadata: { name: string; [key: string]: unknown };
  spec: {
    group: string;
    scope: string;
    names: {
      plural: string;
      singular?: string;
      kind: string;
      listKind?: string;
      shortNames?: string[];
      categories?: string[];
    };
    versions: CustomResourceVersion[];
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

/** The served kinds of a definition that {@link checkDefinition} has accepted. */
export function customKinds(definition: CustomResourceDefinition): Kind[] {
  const { group, names, scope, versions } = definition.spec;
  return versions
    .filter((version) => version.served)
    .map((version) => {
      const schema = wholeSchema(version);
      return {
        group,
        version: version.name,
        kind: names.kind,
        listKind: names.listKind ?? `${names.kind}List`,
        plural: names.plural,
        singular: names.singular ?? names.kind.toLowerCase(),
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        namespaced: scope === 'Namespaced',
        bucket: `${group}/${names.plural}`,
        schema,
        custom: true,
        status: version.subresources?.status !== undefined,
        generation: true,
        unconditionalUpdate: false,
        nameRule: 'subdomain' as const,
        columns: [nameColumn, ...(version.additionalPrinterColumns?.map(printerColumn) ?? [ageColumn])],
        selectable: (version.selectableFields ?? []).map((field) => field.jsonPath.replace(/^\./, '')),
        rules: new RuleSet(schema),
      };
    });
}

/** The schema of whole objects: what the definition declares, and the fields every object has. */
function wholeSchema(version: CustomResourceVersion): Schema {
  const declared = (version.schema?.openAPIV3Schema ?? {}) as Schema;
  return {
    ...declared,
    type: 'object',
    properties: { ...declared.properties, ...typeMeta, metadata: objectMetaSchema },
  };
}

/** Groups of Kubernetes' own (`*.k8s.io`, `*.kubernetes.io`) want to know who approved a definition. */
function checkApproval({ metadata }: KubeObject, group: string): FieldError[] {
  if (!/\.(k8s|kubernetes)\.io$/.test(`.${group}`)) return [];
  const annotation = 'api-approved.kubernetes.io';
  const approved = metadata.annotations?.[annotation] ?? '';
  const field = `metadata.annotations[${annotation}]`;
  const rule = `protected groups must have approval annotation "${annotation}"`;
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (approved === '') {
    return [{ field, reason: 'FieldValueRequired', message: `Required value: ${rule}, ${see}` }];
  }
  if (approved.startsWith('unapproved') || URL.canParse(approved)) return [];
  return [invalidValue(field, approved, `${rule} with either a URL or a reason starting with "unapproved", ${see}`)];
}

const required = (field: string): FieldError => ({ field, reason: 'FieldValueRequired', message: 'Required value' });
const invalidValue = (field: string, value: unknown, why: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});

/** Findings of a definition: names, versions, structural schema, CEL that does not compile. */
export function checkDefinition(object: KubeObject): FieldError[] {
  const spec = object['spec'];
  if (!isObject(spec)) return [required('spec')];
  const names = spec['names'];
  const errors: FieldError[] = [];
  for (const field of ['group', 'scope']) if (typeof spec[field] !== 'string') errors.push(required(`spec.${field}`));
  if (!isObject(names)) return [...errors, required('spec.names')];
  for (const field of ['plural', 'kind']) {
    if (typeof names[field] !== 'string' || names[field] === '') errors.push(required(`spec.names.${field}`));
  }
  if (!Array.isArray(spec['versions']) || spec['versions'].length === 0) errors.push(required('spec.versions'));
  if (errors.length > 0) return errors;
  const expected = `${String(names['plural'])}.${String(spec['group'])}`;
  if (object.metadata.name !== expected) {
    errors.push(invalidValue('metadata.name', object.metadata.name, `must be spec.names.plural+"."+spec.group`));
  }
  if (spec['scope'] !== 'Namespaced' && spec['scope'] !== 'Cluster') {
    errors.push({
      field: 'spec.scope',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(spec['scope'])}: supported values: "Cluster", "Namespaced"`,
    });
  }
  errors.push(...checkApproval(object, String(spec['group'])));
  const versions = spec['versions'] as unknown as CustomResourceVersion[];
  if (versions.filter((v) => v.storage).length !== 1) {
    errors.push(
      invalidValue(
        'spec.versions',
        versions.map((v) => v.name),
        'must have exactly one version marked as storage version',
      ),
    );
  }
  // Versions that share one schema are told about once, as the API server does.
  const shared = versions.every((v) => jsonEqual(v.schema, versions[0]?.schema));
  versions.forEach((version, i) => {
    if (i === 0 || !shared) errors.push(...checkVersion(version, { shared, path: `spec.versions[${i}]` }));
  });
  return errors;
}

function checkVersion(version: CustomResourceVersion, of: { shared: boolean; path: string }): FieldError[] {
  const { path } = of;
  const schema = version.schema?.openAPIV3Schema as Schema | undefined;
  if (schema === undefined) return [{ ...required(`${path}.schema.openAPIV3Schema`), message: 'Required value' }];
  const at = of.shared ? 'spec.validation.openAPIV3Schema' : `${path}.schema.openAPIV3Schema`;
  const errors = structuralErrors(schema, at);
  if (errors.length === 0) errors.push(...ruleErrors(schema, at));
  if (errors.length === 0) errors.push(...defaultErrors(schema, at));
  (version.additionalPrinterColumns ?? []).forEach((column, i) => {
    try {
      printerColumn(column);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      errors.push(invalidValue(`${path}.additionalPrinterColumns[${i}].jsonPath`, column.jsonPath, why));
    }
  });
  return errors;
}

/** What makes a schema not structural: a node without a type, a list of maps without keys, forbidden combinations. */
function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const free = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  if ((schema.type === undefined || schema.type === '') && !free) {
    errors.push({
      ...required(`${path}.type`),
      message: 'Required value: must not be empty for specified object fields',
    });
  }
  if (schema.type === 'array' && schema.items === undefined) {
    errors.push({ ...required(`${path}.items`), message: 'Required value: must be specified' });
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    errors.push({
      field: `${path}.additionalProperties`,
      reason: 'FieldValueForbidden',
      message: 'Forbidden: additionalProperties and properties are mutual exclusive',
    });
  }
  if (schema['x-kubernetes-list-type'] === 'map') {
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    if (keys.length === 0) errors.push(required(`${path}.x-kubernetes-list-map-keys`));
    for (const key of keys) {
      const property = schema.items?.properties?.[key];
      if (property === undefined)
        errors.push(
          invalidValue(`${path}.x-kubernetes-list-map-keys`, key, 'entries must all be names of item properties'),
        );
      else if (property.default === undefined && schema.items?.required?.includes(key) !== true) {
        errors.push({
          field: `${path}.items.properties[${key}].default`,
          reason: 'FieldValueRequired',
          message:
            'Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        });
      }
    }
  }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...structuralErrors(property, `${path}.properties[${key}]`));
  }
  if (isObject(schema.additionalProperties))
    errors.push(...structuralErrors(schema.additionalProperties as Schema, `${path}.additionalProperties`));
  if (schema.items !== undefined) errors.push(...structuralErrors(schema.items, `${path}.items`));
  return errors;
}

/** Defaults must themselves be valid as they stand: known fields, right values, rules that hold. */
function defaultErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.default !== undefined) {
    const value = clone(schema.default);
    const holder: Schema = { type: 'object', properties: { value: schema } };
    const unknown = prune({ value }, holder);
    if (unknown.length > 0) {
      errors.push({
        field: `${path}.default`,
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(schema.default)}: must not have unknown fields`,
      });
    }
    const found = [...validate(value, schema), ...new RuleSet(schema).check(value, undefined)];
    errors.push(
      ...found.map((e) => ({
        ...e,
        field: `${path}.default${e.field === '' || e.field === '<nil>' ? '' : `.${e.field}`}`,
      })),
    );
  }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...defaultErrors(property, `${path}.properties[${key}]`));
  }
  if (isObject(schema.additionalProperties)) {
    errors.push(...defaultErrors(schema.additionalProperties as Schema, `${path}.additionalProperties`));
  }
  if (schema.items !== undefined) errors.push(...defaultErrors(schema.items, `${path}.items`));
  return errors;
}
