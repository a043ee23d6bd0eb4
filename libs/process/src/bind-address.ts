import { ConfigError } from './config-error.ts';

export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port` or `:port` (then `defaultHost`); `0` means off: undefined. Port 0 in `host:0` is any free port.
 * @throws ConfigError if it is neither.
 */
export function parseBindAddress(text: string, defaultHost: string): BindAddress | undefined {
  if (text === '0') return undefined;
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (at < 0 || text.length === at + 1 || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ConfigError(`"${text}" is no address; write "host:port", ":port", or "0" for off`);
  }
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1') || defaultHost, port };
}
