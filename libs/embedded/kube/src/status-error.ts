import type { JsonObject } from './object.ts';

/** One entry of `Status.details.causes`. */
export interface Cause {
  reason: string;
  message: string;
  field: string;
}

/** Names a resource in an error, as `Status.details` does. */
export interface ResourceName {
  group: string;
  /** The plural, or the kind where upstream puts the kind (422 Invalid). */
  resource: string;
  name: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: Cause[];
  retryAfterSeconds?: number;
}

/** A `metav1.Status` failure, thrown anywhere and written by the HTTP layer. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(status: { code: number; reason: string; message: string; details?: StatusDetails }) {
    super(status.message);
    this.name = 'StatusError';
    this.code = status.code;
    this.reason = status.reason;
    this.details = status.details;
  }

  /** The wire form. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details as unknown as JsonObject }),
      code: this.code,
    };
  }
}

const details = (of: ResourceName): StatusDetails => ({
  ...(of.name === '' ? {} : { name: of.name }),
  ...(of.group === '' ? {} : { group: of.group }),
  kind: of.resource,
});

const qualified = (of: ResourceName): string => (of.group === '' ? of.resource : `${of.resource}.${of.group}`);

export function notFound(of: ResourceName): StatusError {
  return new StatusError({
    code: 404,
    reason: 'NotFound',
    message: `${qualified(of)} "${of.name}" not found`,
    details: details(of),
  });
}

/** 404 for a path that is no resource at all. */
export function pathNotFound(): StatusError {
  return new StatusError({
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}

export function alreadyExists(of: ResourceName): StatusError {
  return new StatusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${qualified(of)} "${of.name}" already exists`,
    details: details(of),
  });
}

export function conflict(of: ResourceName, why: string): StatusError {
  return new StatusError({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualified(of)} "${of.name}": ${why}`,
    details: details(of),
  });
}

/** 409 of a write whose resourceVersion is not the stored one. */
export function staleVersion(of: ResourceName): StatusError {
  return conflict(of, 'the object has been modified; please apply your changes to the latest version and try again');
}

export function badRequest(message: string): StatusError {
  return new StatusError({ code: 400, reason: 'BadRequest', message });
}

export function forbidden(of: ResourceName, why: string): StatusError {
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: `${qualified(of)} "${of.name}" is forbidden: ${why}`,
    details: details(of),
  });
}

/** 410: the resourceVersion or continue token is older than the kept history. */
export function expired(message: string): StatusError {
  return new StatusError({ code: 410, reason: 'Expired', message });
}

export function unsupportedMediaType(known: readonly string[]): StatusError {
  return new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${known.join(', ')}`,
  });
}

export function methodNotAllowed(): StatusError {
  return new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });
}

/** One finding of validation: where, why, and in upstream's words. */
export interface FieldError {
  field: string;
  /** FieldValueRequired, FieldValueInvalid, ... */
  reason: string;
  /** Without the field: `Required value`. */
  message: string;
}

/** 422 Invalid; `of.resource` is the kind. Equal findings are told once, in order. */
export function invalid(of: ResourceName, errors: readonly FieldError[]): StatusError {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const { field, reason, message } of errors) {
    const text = `${field}: ${message}`;
    if (seen.has(text)) continue;
    seen.add(text);
    causes.push({ reason, message, field });
  }
  const texts = causes.map((c) => `${c.field}: ${c.message}`);
  return new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `${qualified(of)} "${of.name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`,
    details: { ...details(of), causes },
  });
}

/** 422 about a query parameter or an option of the request itself, such as `dryRun`. */
export function invalidOption(options: string, field: string, message: string): StatusError {
  const reason = message.startsWith('Forbidden')
    ? 'FieldValueForbidden'
    : message.startsWith('Required')
      ? 'FieldValueRequired'
      : 'FieldValueNotSupported';
  return invalid({ group: 'meta.k8s.io', resource: options, name: '' }, [{ field, reason, message }]);
}
