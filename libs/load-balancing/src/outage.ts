import type { TargetHealth } from '@tsgateway/model';

/** A machine's health now, and what is known of its past. */
export interface ObservedMachine {
  readonly healthy: boolean;
  /** Not probed means known for ever, as healthy. */
  readonly probed: boolean;
  /** Undefined: not probed, or never observed. */
  readonly observed: TargetHealth | undefined;
}

export interface OutageQuery {
  readonly primaries: readonly ObservedMachine[];
  readonly lowers: readonly ObservedMachine[];
  /** Before a primary was first observed, a lower tier served (the state before a restart). */
  readonly seededSecondary: boolean;
  /** Outages that ended at or before this instant (Unix ms) need not be found. */
  readonly sinceMs: number;
}

/**
 * When the last *outage* ended: the last time span in which no primary was healthy while a lower machine was.
 * Unix ms, exclusive: at that very instant it was over. -Infinity: there was none after `sinceMs`;
 * Infinity: it goes on.
 *
 * Before its first observation a machine counts as healthy. A machine's `healthy` is its state from its last
 * transition on, whatever the clock says.
 */
export function lastOutageEndMs({ primaries, lowers, seededSecondary, sinceMs }: OutageQuery): number {
  const seedEnd = seededSecondary ? firstKnowledgeMs(primaries) : -Infinity;
  const isOutage = (): boolean => healthyPrimaries === 0 && healthyLowers > 0;

  let healthyPrimaries = count(primaries);
  let healthyLowers = count(lowers);
  if (isOutage() || seedEnd === Infinity) return Infinity;

  // Back in time from now: each step undoes all that happened at one instant.
  const from = Math.max(sinceMs, seedEnd);
  const steps: Step[] = [];
  for (const m of primaries) collectSteps(m, { primary: true, from, into: steps });
  for (const m of lowers) collectSteps(m, { primary: false, from, into: steps });
  steps.sort((a, b) => b.atMs - a.atMs);
  for (const [i, step] of steps.entries()) {
    if (step.primary) healthyPrimaries += step.undo;
    else healthyLowers += step.undo;
    if (steps[i + 1]?.atMs !== step.atMs && isOutage()) return step.atMs;
  }
  return seedEnd;
}

/** A change of one machine's health; `undo` is what it adds to the count of healthy ones when taken back. */
interface Step {
  readonly atMs: number;
  readonly primary: boolean;
  readonly undo: -1 | 1;
}

function collectSteps(m: ObservedMachine, options: { primary: boolean; from: number; into: Step[] }): void {
  if (m.observed === undefined) return;
  const { primary, from, into } = options;
  const { transitions, observedSinceMs } = m.observed;
  let state = m.healthy;
  let atMs = Infinity;
  const changed = (before: boolean, at: number): void => {
    // Transitions are in the order in which they happened. A clock that was set back must not reorder them.
    atMs = Math.min(atMs, at);
    if (before !== state && atMs > from) into.push({ atMs, primary, undo: before ? 1 : -1 });
    state = before;
  };
  for (let i = transitions.length - 1; i >= 0 && atMs > from; i--) {
    const transition = transitions[i];
    if (transition !== undefined) changed(transitions[i - 1]?.healthy ?? !transition.healthy, transition.atMs);
  }
  if (atMs > from) changed(true, observedSinceMs);
}

function firstKnowledgeMs(machines: readonly ObservedMachine[]): number {
  let first = Infinity;
  for (const m of machines) {
    if (!m.probed) return -Infinity;
    if (m.observed) first = Math.min(first, m.observed.observedSinceMs, m.observed.transitions[0]?.atMs ?? Infinity);
  }
  return first;
}

const count = (machines: readonly ObservedMachine[]): number => machines.reduce((n, m) => (m.healthy ? n + 1 : n), 0);
