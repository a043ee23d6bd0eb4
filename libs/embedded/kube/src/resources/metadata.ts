import { isObject } from '../object.ts';
import type { KubeObject } from '../object.ts';
import type { Kind } from '../kinds/kind.ts';
import type { FieldError } from '../status-error.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const maxAnnotationBytes = 256 * 1024;

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const label1035Rule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const qualifiedRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const invalidValue = (field: string, value: unknown, why: string): FieldError => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});

function nameErrors(name: string, rule: Kind['nameRule']): FieldError[] {
  const field = 'metadata.name';
  switch (rule) {
    case 'label':
      if (name.length > 63) return [invalidValue(field, name, 'must be no more than 63 bytes')];
      return label.test(name) ? [] : [invalidValue(field, name, labelRule)];
    case 'label1035':
      if (name.length > 63) return [invalidValue(field, name, 'must be no more than 63 bytes')];
      return label1035.test(name) ? [] : [invalidValue(field, name, label1035Rule)];
    case 'path':
      return name === '.' || name === '..' || /[/%]/.test(name)
        ? [invalidValue(field, name, "may not contain '/' or '%'")]
        : [];
    default:
      if (name.length > 253) return [invalidValue(field, name, 'must be no more than 253 bytes')];
      return subdomain.test(name) ? [] : [invalidValue(field, name, subdomainRule)];
  }
}

function keyErrors(field: string, key: string): FieldError[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const errors: FieldError[] = [];
  if (prefix !== undefined && (prefix === '' || prefix.length > 253 || !subdomain.test(prefix))) {
    errors.push(invalidValue(field, key, `prefix part ${prefix === '' ? 'must be non-empty' : subdomainRule}`));
  }
  if (name === '') errors.push(invalidValue(field, key, 'name part must be non-empty'));
  if (name.length > 63) errors.push(invalidValue(field, key, 'name part must be no more than 63 bytes'));
  if (!qualifiedName.test(name)) errors.push(invalidValue(field, key, qualifiedRule));
  return errors;
}

/** Findings in metadata: name, labels, annotations, finalizers, owner references, and what may not change. */
export function checkMetadata(kind: Kind, next: KubeObject, old: KubeObject | undefined): FieldError[] {
  const { metadata } = next;
  const errors: FieldError[] = [];
  if (typeof metadata.name !== 'string' || metadata.name === '') {
    errors.push({
      field: 'metadata.name',
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
    });
  } else if (old === undefined) errors.push(...nameErrors(metadata.name, kind.nameRule));
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    errors.push(...keyErrors('metadata.labels', key));
    if (value.length > 63) errors.push(invalidValue('metadata.labels', value, 'must be no more than 63 bytes'));
    if (!labelValue.test(value)) errors.push(invalidValue('metadata.labels', value, labelValueRule));
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    errors.push(...keyErrors('metadata.annotations', key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxAnnotationBytes) {
    errors.push({
      field: 'metadata.annotations',
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${maxAnnotationBytes} bytes`,
    });
  }
  for (const owner of metadata.ownerReferences ?? []) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      const value = owner[field] ?? '';
      if (value === '') errors.push(invalidValue(`metadata.ownerReferences.${field}`, value, 'must not be empty'));
    }
  }
  const controllers = (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    errors.push(
      invalidValue(
        'metadata.ownerReferences',
        metadata.ownerReferences,
        'Only one reference can have Controller set to true',
      ),
    );
  }
  if (old?.metadata.deletionTimestamp !== undefined) {
    const added = (metadata.finalizers ?? []).filter((f) => old.metadata.finalizers?.includes(f) !== true);
    if (added.length > 0) {
      errors.push({
        field: 'metadata.finalizers',
        reason: 'FieldValueForbidden',
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`,
      });
    }
  }
  return errors;
}

const stringMaps = ['labels', 'annotations'] as const;

/** What in metadata has the wrong JSON type, as a sentence, so that later code may trust its types. */
export function malformedMetadata(metadata: unknown): string | undefined {
  if (!isObject(metadata)) return 'metadata: must be an object';
  for (const field of ['name', 'namespace', 'generateName', 'uid', 'resourceVersion'] as const) {
    const value = metadata[field];
    if (value !== undefined && value !== null && typeof value !== 'string')
      return `metadata.${field}: must be a string`;
  }
  for (const field of stringMaps) {
    const value = metadata[field];
    if (value === undefined || value === null) continue;
    if (!isObject(value)) return `metadata.${field}: must be a map of strings`;
    for (const item of Object.values(value)) {
      if (typeof item !== 'string')
        return `json: cannot unmarshal ${typeof item} into Go struct field ObjectMeta.${field} of type string`;
    }
  }
  for (const field of ['finalizers', 'ownerReferences', 'managedFields'] as const) {
    const value = metadata[field];
    if (value === undefined || value === null) continue;
    if (!Array.isArray(value)) return `metadata.${field}: must be a list`;
    const fits = field === 'finalizers' ? (item: unknown) => typeof item === 'string' : isObject;
    if (!value.every(fits)) return `metadata.${field}: has an item of the wrong type`;
  }
  return undefined;
}
