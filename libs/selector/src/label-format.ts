/**
 * Formats of label keys and values (apimachinery, `util/validation`: IsQualifiedName, IsValidLabelValue). Both
 * functions say what is wrong and what would be right; undefined: nothing is wrong.
 */

const namePattern = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const prefixPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const maxNameLength = 63;
const maxPrefixLength = 253;

const nameRule = "use letters, digits, '-', '_' and '.', with a letter or digit at both ends";

export function labelKeyProblem(key: string): string | undefined {
  const parts = key.split('/');
  if (parts.length > 2) return `${quote(key)} has more than one '/': use "name" or "prefix.example.com/name"`;
  const name = parts.at(-1) ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') return `${quote(key)} has an empty prefix: drop the '/', or put a DNS name before it`;
    if (prefix.length > maxPrefixLength)
      return `${quote(key)} has a prefix of more than ${maxPrefixLength} characters: shorten it`;
    if (!prefixPattern.test(prefix))
      return `${quote(key)} has a prefix that is no DNS name: use lower-case letters, digits, '-' and '.'`;
  }
  if (name === '') return `${quote(key)} has no name: put one ${parts.length === 2 ? "after the '/'" : 'there'}`;
  return nameProblem(key, name);
}

export function labelValueProblem(value: string): string | undefined {
  return value === '' ? undefined : nameProblem(value, value);
}

function nameProblem(whole: string, name: string): string | undefined {
  if (name.length > maxNameLength) return `${quote(whole)} has more than ${maxNameLength} characters: shorten it`;
  if (!namePattern.test(name)) return `${quote(whole)} has a character where it may not be: ${nameRule}`;
  return undefined;
}

/** For messages: quoted, and cut, because it may be as long as an object. */
export function quote(text: string): string {
  return JSON.stringify(shorten(text));
}

/** As much of a text as belongs into a message or a path. */
export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
