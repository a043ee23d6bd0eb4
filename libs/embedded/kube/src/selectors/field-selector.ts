import { valueAt } from '../object.ts';
import type { KubeObject } from '../object.ts';
import { badRequest } from '../status-error.ts';

/** Whether an object fits a field selector. */
export type FieldMatcher = (object: KubeObject) => boolean;

/**
 * Parses `metadata.name=x,status.phase!=Running`. Only the names every kind has and those in `selectable` are known.
 *
 * @throws {StatusError} 400 for an unknown field or a term that does not parse.
 */
export function parseFieldSelector(text: string, selectable: readonly string[]): FieldMatcher {
  const terms = text
    .split(',')
    .map((t) => t.trim())
    .filter((t) => t !== '')
    .map((term): FieldMatcher => {
      const parts = /^([^=!]+?)\s*(==|=|!=)\s*(.*)$/.exec(term);
      const field = parts?.[1];
      if (parts === null || field === undefined)
        throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
      if (field !== 'metadata.name' && field !== 'metadata.namespace' && !selectable.includes(field)) {
        throw badRequest(`field label not supported: ${field}`);
      }
      const path = field.split('.');
      const wanted = parts[3] ?? '';
      const negated = parts[2] === '!=';
      return (object) => (String(valueAt(object, path) ?? '') === wanted) !== negated;
    });
  return (object) => terms.every((term) => term(object));
}
