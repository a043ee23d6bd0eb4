import { isObject } from '../object.ts';

type Step = { field: string } | { index: number } | { all: true } | { where: string[]; equals: string };

const maxLength = 1000;

/** Parses the JSONPath subset of printer columns: `.a.b`, `['a.b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`. */
export function parseJsonPath(text: string): (root: unknown) => unknown[] {
  if (text.length > maxLength) throw new Error(`JSONPath is longer than ${maxLength} characters`);
  const body = text.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, '');
  const steps: Step[] = [];
  const token =
    /\.((?:[^.[\]\\]|\\.)+)|\[\s*'([^']+)'\s*\]|\[(\d+)\]|\[\*\]|\[\?\(\s*@\.([\w.\-/]+)\s*==\s*["']([^"']*)["']\s*\)\]/y;
  while (token.lastIndex < body.length) {
    const at = token.lastIndex;
    const found = token.exec(body);
    if (found === null) throw new Error(`unsupported JSONPath at ${JSON.stringify(body.slice(at))}`);
    const [whole, field, quoted, index, where, equals] = found;
    if (field === '*' || whole === '[*]') steps.push({ all: true });
    else if (field !== undefined) steps.push({ field: field.replaceAll('\\', '') });
    else if (quoted !== undefined) steps.push({ field: quoted });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ where: (where ?? '').split('.'), equals: equals ?? '' });
  }
  return (root) => steps.reduce<unknown[]>((values, step) => values.flatMap((value) => follow(value, step)), [root]);
}

function follow(value: unknown, step: Step): unknown[] {
  if ('field' in step) {
    const next = isObject(value) ? value[step.field] : undefined;
    return next === undefined ? [] : [next];
  }
  if ('all' in step) return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  if (!Array.isArray(value)) return [];
  if ('index' in step) return value[step.index] === undefined ? [] : [value[step.index]];
  return value.filter((item) => {
    let at: unknown = item;
    for (const key of step.where) at = isObject(at) ? at[key] : undefined;
    return String(at) === step.equals;
  });
}
