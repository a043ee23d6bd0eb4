import type { MeshRoute } from '@tsgateway/model';
import { RouteMatch } from '@tsgateway/protos/envoy/config/route/v3/route_components';
import { readable } from './wire.ts';

type GrpcMatch = NonNullable<MeshRoute['rules'][number]['grpcMatches']>[number];

/** What Envoy Gateway puts for a service or a method that is not said, where the other is a regular expression. */
const anyService = String.raw`(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*`;
const anyMethod = '[A-Za-z_][A-Za-z_0-9]*';

/** A match of a GRPCRoute's rule, as a text that is the same for what Envoy Gateway makes of it (see `matchOfRoute`). */
export function matchOfRule({ service, method, type, headers }: GrpcMatch): string {
  const conditions = headers.map((h) => header(h.name, h.type === 'Exact' ? 'exact' : 'regex', h.value));
  let path = 'prefix /';
  if (type === 'RegularExpression') {
    if (service !== undefined || method !== undefined) path = `regex /${service ?? anyService}/${method ?? anyMethod}`;
  } else if (service !== undefined) {
    path = method === undefined ? `separated /${service}` : `exact /${service}/${method}`;
  } else if (method !== undefined) {
    conditions.push(header(':path', 'suffix', `/${method}`));
  }
  return [path, ...conditions].join('\n');
}

/** The match of a rule that has none. */
export const matchesAll = 'prefix /';

/** The same of a serialized RouteMatch; undefined: nothing that stands for a match of a GRPCRoute. */
export function matchOfRoute(bytes: Uint8Array): string | undefined {
  const match = readable(() => RouteMatch.decode(bytes));
  if (!match) return undefined;
  const path = pathOf(match.pathSpecifier);
  const conditions = match.headers.map((h) => {
    const pattern =
      h.headerMatchSpecifier?.$case === 'stringMatch' ? h.headerMatchSpecifier.value.matchPattern : undefined;
    if (pattern?.$case === 'exact' || pattern?.$case === 'suffix') return header(h.name, pattern.$case, pattern.value);
    return pattern?.$case === 'safeRegex' ? header(h.name, 'regex', pattern.value.regex) : undefined;
  });
  return path === undefined || conditions.includes(undefined) ? undefined : [path, ...conditions].join('\n');
}

function pathOf(path: RouteMatch['pathSpecifier']): string | undefined {
  switch (path?.$case) {
    case 'prefix':
      return `prefix ${path.value}`;
    case 'path':
      return `exact ${path.value}`;
    case 'pathSeparatedPrefix':
      return `separated ${path.value}`;
    case 'safeRegex':
      return `regex ${path.value.regex}`;
    default:
      return undefined;
  }
}

const header = (name: string, type: 'exact' | 'suffix' | 'regex', value: string): string =>
  `${name.toLowerCase()} ${type} ${value}`;
