import { z } from 'zod';

import { withRules } from './rule.ts';

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, micro sign
  μs: 1e-3, // U+03BC, Greek mu: Go takes both
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const NUMBER = String.raw`([0-9]{1,9}(\.[0-9]{0,9})?|\.[0-9]{1,9})`;
const UNIT = '(ns|us|µs|μs|ms|s|m|h)';
const DURATION = new RegExp(`^(0|(${NUMBER}${UNIT}){1,8})$`);
const TERM = new RegExp(`${NUMBER}${UNIT}`, 'g');

const MESSAGE = 'must be a duration such as 30s, 1m30s or 500ms';
const DAY_MS = 86_400_000;

/** Thrown for a text that is no duration. */
export class InvalidDurationError extends Error {
  override readonly name = 'InvalidDurationError';
}

/**
 * Milliseconds of a Go duration string (`1m30s`, `500ms`, `1.5h`, `0`). Without a sign: nothing here lasts less than
 * nothing. Fractions of a millisecond are kept.
 * @throws InvalidDurationError naming the text.
 */
export function parseDuration(text: string): number {
  if (!DURATION.test(text)) throw new InvalidDurationError(`"${text.slice(0, 64)}" is no duration: it ${MESSAGE}`);
  let ms = 0;
  for (const [, number, , unit] of text.matchAll(TERM)) ms += Number(number) * (MS_PER_UNIT[unit ?? ''] ?? 0);
  return ms;
}

const text = z.string().max(32).regex(DURATION, MESSAGE);

/** 0s to 24h. The bound keeps every timer and history finite. */
export const duration = withRules(text, [
  {
    cel: "duration(self) <= duration('24h')",
    message: 'must be at most 24h',
    holds: (value) => parseDuration(value) <= DAY_MS,
  },
]);

/** More than 0s, at most 24h. */
export const positiveDuration = withRules(text, [
  {
    cel: "duration(self) > duration('0s') && duration(self) <= duration('24h')",
    message: 'must be more than 0s and at most 24h',
    holds: (value) => parseDuration(value) > 0 && parseDuration(value) <= DAY_MS,
  },
]);
