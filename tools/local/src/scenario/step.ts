import type { MeshService } from '@tsgateway/model';
import type { Stack } from '../stack.ts';
import type { Target } from '../target.ts';

/** One thing that was tried, what was seen, and whether it is as promised. */
export interface Step {
  readonly step: string;
  readonly ok: boolean;
  /** One sentence. */
  readonly seen: string;
  readonly [figure: string]: unknown;
}

/** One thing that was not tried. */
export interface Skipped {
  readonly step: string;
  readonly why: string;
}

export interface Scenario {
  readonly stack: Stack;
  readonly target: Target;
  /** As it was before the first step; each step leaves it like that. */
  readonly service: MeshService;
  /** How many to measure shares with. */
  readonly requests: number;
  readonly signal: AbortSignal;
}

/** Thrown by a step before it has done anything, when the service gives it nothing to show. */
export class DoesNotFit extends Error {
  override readonly name = 'DoesNotFit';
}

/** How long traffic may take to follow a change. */
export const settleDeadlineMs = 20_000;

/** For figures that are shares of 1. */
export const round = (value: number): number => Math.round(value * 10_000) / 10_000;
export const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
