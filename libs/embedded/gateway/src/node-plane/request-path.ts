/**
 * A request's path as Envoy Gateway's listeners normalize it: percent-encoded slashes ask for a redirect to the decoded path, several
 * slashes count as one, dot segments are resolved. The query is not touched.
 */
export function normalizePath(target: string): { readonly path: string; readonly redirect: boolean } {
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  const query = end < 0 ? '' : target.slice(end);
  if (!/\/\/|\/\.|%2f|%5c|\\/i.test(path)) return { path: target, redirect: false };
  const decoded = path.replace(/%2f/gi, '/').replace(/%5c|\\/gi, '/');
  const segments: string[] = [];
  const parts = decoded
    .replace(/\/{2,}/g, '/')
    .split('/')
    .slice(1);
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    if (part === '..') segments.pop();
    if (part !== '.' && part !== '..') segments.push(part);
    else if (last) segments.push('');
  }
  return { path: `/${segments.join('/')}${query}`, redirect: /%2f|%5c/i.test(path) };
}
