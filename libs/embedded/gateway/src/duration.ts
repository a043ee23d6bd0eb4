import type { Duration } from '@tsgateway/protos/google/protobuf/duration';

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Milliseconds of a Gateway API duration (`1h30m`, `500ms`); undefined: it is none (GEP-2257). */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,5}(h|ms|m|s)){1,4}$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(h|ms|m|s)/g))
    total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

export const toDuration = (ms: number): Duration => ({
  seconds: BigInt(Math.floor(ms / 1000)),
  nanos: Math.round((ms % 1000) * 1e6),
});

/** Milliseconds of a protobuf duration; undefined stays undefined. */
export const fromDuration = (d: Duration | undefined): number | undefined =>
  d === undefined ? undefined : Number(d.seconds) * 1000 + d.nanos / 1e6;
