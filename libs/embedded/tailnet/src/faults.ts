import { z } from 'zod';

const rate = z.number().min(0).max(1).default(0);

/** What goes wrong, from now on. Rates are shares of calls in [0, 1]; everything is off by default. */
export const faultsSchema = z.strictObject({
  /** Every answer is late by this many ms: a number, or a range. */
  latencyMs: z.union([z.number().min(0).max(60_000), z.tuple([z.number().min(0), z.number().max(60_000)])]).default(0),
  /** Answered 500, and nothing done. */
  errorRate: rate,
  /** Answered 500 although the write was done. */
  lateErrorRate: rate,
  /** Answered 429 with Retry-After. */
  rateLimitRate: rate,
  retryAfterSeconds: z.number().min(0).max(3600).default(1),
  /** A PUT of a service answered 200, and dropped. */
  lostUpdateRate: rate,
  /** A GET of a service answered with what it was one write ago. */
  staleReadRate: rate,
  /** Connections are closed without an answer. */
  outage: z.boolean().default(false),
});

export type FaultsInput = z.input<typeof faultsSchema>;
export type Faults = z.output<typeof faultsSchema>;
