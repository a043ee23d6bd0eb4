/** What a path addresses below /api or /apis. */
export interface ResourcePath {
  group: string;
  version: string;
  plural: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string;
}

/** Parses `/api/v1/...` and `/apis/<group>/<version>/...`; undefined where the path addresses no resource. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const steps = path.split('/').filter((s) => s !== '');
  let group = '';
  if (steps[0] === 'api') steps.shift();
  else if (steps[0] === 'apis') {
    group = steps[1] ?? '';
    if (!group.includes('.') && !['apps', 'batch', 'policy'].includes(group)) return undefined;
    steps.splice(0, 2);
  } else return undefined;
  const version = steps.shift();
  if (version === undefined || steps.length === 0) return undefined;
  let decoded: string[];
  try {
    decoded = steps.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  let namespace: string | undefined;
  // /namespaces/<name> and /namespaces/<name>/status address the namespace itself.
  const below = decoded[2];
  if (decoded[0] === 'namespaces' && below !== undefined && !['status', 'finalize'].includes(below)) {
    namespace = decoded[1];
    decoded = decoded.slice(2);
  }
  const [plural, name, subresource, ...rest] = decoded;
  if (plural === undefined || rest.length > 0) return undefined;
  return { group, version, plural, namespace, name, subresource: subresource ?? '' };
}
