const WILDCARD = '*.';

/** True when every host that `narrow` stands for is one that `wide` stands for. `*.a.b` does not stand for `a.b`. */
function covers(wide: string, narrow: string): boolean {
  if (wide === narrow) return true;
  return wide.startsWith(WILDCARD) && narrow.length > wide.length - 1 && narrow.endsWith(wide.slice(1));
}

/**
 * The hostnames under which a route is served on a listener (Gateway API, `HTTPRouteSpec.hostnames`): the more specific of each
 * overlapping pair. No hostname at all stands for every host, `*`. Empty: the route does not attach.
 */
export function intersectHostnames(listener: string | undefined, route: readonly string[] | undefined): string[] {
  const own = listener === undefined || listener === '' ? undefined : listener.toLowerCase();
  if (!route || route.length === 0) return [own ?? '*'];
  const found = new Set<string>();
  for (const hostname of route.map((h) => h.toLowerCase())) {
    if (own === undefined || covers(own, hostname)) found.add(hostname);
    else if (covers(hostname, own)) found.add(own);
  }
  return [...found];
}
