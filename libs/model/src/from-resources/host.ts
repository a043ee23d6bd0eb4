/** An IP address as it stands in a URL or alone; everything else is a DNS name. */
export const isIpAddress = (host: string): boolean => host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);

/** `host:port`, an IPv6 host in brackets. Undefined: it is neither. */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || !(port >= 1 && port <= 65_535) ? undefined : { host, port };
}

/** The name by which a host is called over TLS: without the dot that ends an absolute name. Undefined: an address. */
export const nameOf = (host: string): string | undefined => (isIpAddress(host) ? undefined : host.replace(/\.$/, ''));
