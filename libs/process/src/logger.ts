import { inspect } from 'node:util';

import { redactingReplacer, redactText } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes one line per call. An `err` among the fields is written with type, message, stack and cause. */
export interface Logger {
  debug(fields: object, msg: string): void;
  info(fields: object, msg: string): void;
  warn(fields: object, msg: string): void;
  error(fields: object, msg: string): void;
  /** A logger named `<this>.<name>`. */
  child(name: string): Logger;
}

export interface LoggerOptions {
  readonly name: string;
  readonly level: LogLevel;
  /** `json`: one object a line, keys in the order ts, level, logger, msg, fields. `console`: for human eyes. */
  readonly format: 'json' | 'console';
  /** On every line, after the fields of the call. */
  readonly fields?: object;
  /** Of this many lines of a level one is written (the first, then every n-th); unset: all. */
  readonly sampling?: Partial<Record<LogLevel, number>>;
  readonly write: (line: string) => void;
  /** Unix time in ms. */
  readonly now?: () => number;
}

const severity: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

/** A logger; nothing it is given can make it throw. */
export function createLogger(options: LoggerOptions): Logger {
  const counts: Record<LogLevel, number> = { debug: 0, info: 0, warn: 0, error: 0 };
  const now = options.now ?? Date.now;
  const format = options.format === 'json' ? jsonLine : consoleLine;

  const named = (name: string): Logger => {
    const at = (level: LogLevel) => {
      if (severity[level] < severity[options.level]) return () => undefined;
      const every = options.sampling?.[level] ?? 1;
      return (fields: object, msg: string): void => {
        if (counts[level]++ % every !== 0) return;
        options.write(format({ ms: now(), level, logger: name, msg, fields, always: options.fields ?? {} }));
      };
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (childName) => named(`${name}.${childName}`),
    };
  };
  return named(options.name);
}

interface Entry {
  readonly ms: number;
  readonly level: LogLevel;
  readonly logger: string;
  readonly msg: string;
  readonly fields: object;
  readonly always: object;
}

/** UTC with nine digits, as `%Y-%m-%dT%H:%M:%S.%NZ` reads it. The clock gives three of them. */
const timestamp = (ms: number): string => new Date(ms).toISOString().replace('Z', '000000Z');

function jsonLine(entry: Entry): string {
  const head = {
    ts: timestamp(entry.ms),
    level: entry.level.toUpperCase(),
    logger: entry.logger,
    msg: redactText(entry.msg),
  };
  return `${stringify({ ...head, ...entry.fields, ...entry.always, ...head }, head)}\n`;
}

function consoleLine(entry: Entry): string {
  const time = timestamp(entry.ms).slice(11, 23);
  const start = `${time} ${entry.level.toUpperCase().padEnd(5)} ${entry.logger}: ${redactText(entry.msg)}`;
  const { err, ...fields } = entry.fields as { err?: unknown };
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${shown(key, value)}`);
  const trace = err === undefined ? '' : `\n${redactText(inspect(err))}`;
  return `${start}${rest.join('')}${trace}\n`;
}

function shown(key: string, value: unknown): string {
  const safe = redactingReplacer(key, value);
  return typeof safe === 'string' && /^[\w./:-]+$/.test(safe) ? safe : stringify(safe, '?');
}

/** A value that JSON cannot hold (a cycle) costs the fields, never the line. */
function stringify(value: unknown, fallback: unknown): string {
  try {
    return JSON.stringify(value, redactingReplacer) ?? 'undefined';
  } catch (error) {
    const problem = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return JSON.stringify(typeof fallback === 'object' ? { ...fallback, logProblem: problem } : fallback);
  }
}
