/** Deep equality of plain data: objects, arrays and primitives. A missing field equals an undefined one. */
export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const x = a as Record<string, unknown>;
  const y = b as Record<string, unknown>;
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  return Object.keys({ ...x, ...y }).every((key) => equal(x[key], y[key]));
}
