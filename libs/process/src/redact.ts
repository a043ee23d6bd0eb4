/** Names of fields whose values are never written, at any depth. */
const secretKey =
  /authorization|cookie|passw(or)?d|client_?secret|api_?key|auth_?key|private_?key|credential|(^|[_-])(secret|token)$|(access|refresh|bearer|id|session)_?token|Token$|Secret$/i;

/** Secrets inside texts, such as the message of a failed request: HTTP credentials and Tailscale's keys. */
const secretText = /\b(Bearer|Basic)\s+[\w.~+/=-]{6,}|\btskey-[\w-]+/g;

const hidden = '[redacted]';

/**
 * A replacer for JSON.stringify that hides secrets, writes errors as {type, message, stack, cause, ...} and bigints as
 * strings.
 */
export function redactingReplacer(key: string, value: unknown): unknown {
  if (value !== null && value !== undefined && typeof value !== 'boolean' && secretKey.test(key)) return hidden;
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return plainError(value);
  return value;
}

/** The text without what looks like a credential. */
export const redactText = (text: string): string => text.replace(secretText, hidden);

function plainError(error: Error): object {
  const { name, message, stack, cause, ...fields } = error as Error & Record<string, unknown>;
  const errors = error instanceof AggregateError ? { errors: error.errors as unknown[] } : {};
  return { ...fields, type: error.constructor.name || name, message, stack, ...errors, cause };
}
