import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { Duration } from '@bufbuild/protobuf/wkt';

const nanos: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A Go duration string (`1m30s`) as a protobuf Duration, or undefined if it is none. */
export function durationOf(text: string): Duration | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[-+]/, '');
  if (body === '0') return create(DurationSchema, {});
  const parts = [...body.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== body) return undefined;
  let total = 0;
  for (const [, amount, unit] of parts) total += Number(amount) * (nanos[unit ?? ''] ?? 0);
  total = Math.round(total) * sign;
  return create(DurationSchema, { seconds: BigInt(Math.trunc(total / 1e9)), nanos: total % 1e9 });
}
