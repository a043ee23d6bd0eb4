import { validate, type FieldError, type KindName, type ObjectOf } from '@tsgateway/api';

export type Checked<T> = { readonly ok: true; readonly object: T } | { readonly ok: false; readonly problem: Problem };

/** Why a stored object is not used. */
export interface Problem {
  readonly reason: 'Invalid' | 'SelectorInvalid';
  readonly message: string;
}

/**
 * Validates an object that the API server holds: its CRD may be older than the object, or gone for a while. The status
 * is ours and not judged, so that a bad one never keeps a good spec from serving.
 */
export function checked<K extends KindName>(kind: K, stored: ObjectOf<K>): Checked<ObjectOf<K>> {
  const { status, ...rest } = stored;
  const result = validate(kind, rest);
  if (!result.ok) return { ok: false, problem: { reason: 'Invalid', message: sentence(result.errors) } };
  return { ok: true, object: status === undefined ? result.value : { ...result.value, status } };
}

const MAX_ERRORS = 10;

/** `spec.port: must be at most 65535; ...` */
export function sentence(errors: readonly FieldError[]): string {
  const shown = errors.slice(0, MAX_ERRORS).map((e) => (e.path === '' ? e.message : `${e.path}: ${e.message}`));
  const rest = errors.length - shown.length;
  return rest > 0 ? `${shown.join('; ')}; and ${rest} more` : shown.join('; ');
}
