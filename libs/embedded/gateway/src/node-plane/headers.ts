import type { HeaderValueOption } from '@tsgateway/protos/envoy/config/core/v3/base';
import { HeaderValueOption_HeaderAppendAction as Action } from '@tsgateway/protos/envoy/config/core/v3/base';

/** Changes to headers of one level of the configuration. */
export interface HeaderChanges {
  readonly add: readonly { readonly name: string; readonly value: string; readonly action: number }[];
  readonly remove: readonly string[];
}

/** Headers as a flat list: name, value, name, value. Names keep their spelling. */
export type FlatHeaders = string[];

/** Undefined: nothing is changed. */
export function headerChanges(add: readonly HeaderValueOption[], remove: readonly string[]): HeaderChanges | undefined {
  if (add.length === 0 && remove.length === 0) return undefined;
  return {
    add: add
      .filter((o) => o.header !== undefined && (o.header.value !== '' || o.keepEmptyValue))
      .map((o) => ({
        name: o.header?.key ?? '',
        // Substitutions (%START_TIME% and so on) are Envoy's alone; a doubled percent sign is a plain one.
        value: (o.header?.value ?? '').replaceAll('%%', '%'),
        action: o.append === false ? Action.OVERWRITE_IF_EXISTS_OR_ADD : o.appendAction,
      })),
    remove: remove.map((name) => name.toLowerCase()),
  };
}

/** Applies changes level by level, as Envoy does: route, then virtual host, then route configuration; first remove, then add. */
export function changeHeaders(headers: FlatHeaders, levels: readonly (HeaderChanges | undefined)[]): FlatHeaders {
  let out = headers;
  for (const level of levels) {
    if (level === undefined) continue;
    if (level.remove.length > 0) out = without(out, level.remove);
    for (const { name, value, action } of level.add) {
      const exists = has(out, name);
      if (action === Action.ADD_IF_ABSENT && exists) continue;
      if (action === Action.OVERWRITE_IF_EXISTS && !exists) continue;
      if (exists && action !== Action.APPEND_IF_EXISTS_OR_ADD) out = without(out, [name.toLowerCase()]);
      out.push(name, value);
    }
  }
  return out;
}

function has(headers: FlatHeaders, name: string): boolean {
  const wanted = name.toLowerCase();
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === wanted) return true;
  return false;
}

function without(headers: FlatHeaders, names: readonly string[]): FlatHeaders {
  const out: FlatHeaders = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.includes(headers[i]?.toLowerCase() ?? '')) out.push(headers[i] ?? '', headers[i + 1] ?? '');
  }
  return out;
}

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers that go on to the next hop: not those of this connection (RFC 9110, 7.6.1), nor those that `dropped` names. */
export function endToEnd(raw: readonly string[], dropped: ReadonlySet<string> = NONE): FlatHeaders {
  const out: FlatHeaders = [];
  let named: string[] | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'connection') {
      const listed = (raw[i + 1] ?? '').toLowerCase();
      if (listed !== 'keep-alive' && listed !== 'close') named = listed.split(',').map((n) => n.trim());
    } else if (!HOP_BY_HOP.has(lower) && !dropped.has(lower)) {
      out.push(name, raw[i + 1] ?? '');
    }
  }
  return named === undefined ? out : without(out, named);
}

const NONE: ReadonlySet<string> = new Set();
