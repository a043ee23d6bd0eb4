import type { HealthUpdate } from '@tsgateway/protos/tsgateway/v1alpha1/health';
import { decodeHealth } from './codec.ts';
import { equal } from './equal.ts';
import type { HealthView, TargetHealth } from './model.ts';

interface Entry {
  readonly checker: string;
  readonly epoch: bigint;
  /** No checker stands for the value any more; the next report of any checker replaces it. */
  readonly orphan: boolean;
  /** As the checker reported it. */
  readonly report: TargetHealth;
  /** What was known when this checker took over. */
  readonly before: TargetHealth | undefined;
}

/** More than any failback window needs at sane intervals; bounds a target that flaps. */
const maxTransitions = 256;

/**
 * The health of all targets, merged from the reports of several checkers.
 *
 * Each target belongs to the checker that reported it under the newest epoch. Until a new owner's first result, and
 * after a checker went away, the last known value stays. A takeover does not forget the history: the failback rule
 * needs it.
 */
export class HealthStore {
  readonly #entries = new Map<string, Entry>();
  readonly #view = new Map<string, TargetHealth>();

  /** Live: later reports show in it. */
  view(): HealthView {
    return this.#view;
  }

  /** Takes a report in and says which targets' health is different now. */
  apply(update: HealthUpdate): Set<string> {
    const changed = new Set<string>();
    for (const message of update.targets) {
      const target = message.target;
      const entry = this.#entries.get(target);
      const own = entry?.checker === update.checker;
      if (entry && !own && !entry.orphan && update.epoch < entry.epoch) continue;
      const report = decodeHealth(message);
      // A checker that stopped and started again observes anew, like another one.
      const continued = own && entry.report.observedSinceMs === report.observedSinceMs;
      const before = continued ? entry.before : this.#view.get(target);
      this.#entries.set(target, { checker: update.checker, epoch: update.epoch, orphan: false, report, before });
      const merged = continueHistory(before, report);
      if (equal(this.#view.get(target), merged)) continue;
      this.#view.set(target, merged);
      changed.add(target);
    }
    if (update.snapshot) {
      const reported = new Set(update.targets.map((t) => t.target));
      this.#orphan(update.checker, (target) => !reported.has(target));
    } else if (update.removed.length > 0) {
      const removed = new Set(update.removed);
      this.#orphan(update.checker, (target) => removed.has(target));
    }
    return changed;
  }

  /** A checker went away: its values stay until another reports. */
  disconnected(checker: string): void {
    this.#orphan(checker, () => true);
  }

  /** Forgets targets that nobody asks for any more. */
  retain(targets: ReadonlySet<string> | ReadonlyMap<string, unknown>): void {
    for (const target of this.#entries.keys()) {
      if (targets.has(target)) continue;
      this.#entries.delete(target);
      this.#view.delete(target);
    }
  }

  #orphan(checker: string, where: (target: string) => boolean): void {
    for (const [target, entry] of this.#entries) {
      if (entry.checker === checker && where(target)) this.#entries.set(target, { ...entry, orphan: true });
    }
  }
}

/** `now` with the part of `before` that is older than its first observation. */
function continueHistory(before: TargetHealth | undefined, now: TargetHealth): TargetHealth {
  if (!before || before.observedSinceMs >= now.observedSinceMs) return now;
  const older = before.transitions.filter((t) => t.atMs < now.observedSinceMs);
  const initial = now.transitions[0] ? !now.transitions[0].healthy : now.healthy;
  const last = older.at(-1)?.healthy ?? initialState(before);
  const joint = last === initial ? [] : [{ atMs: now.observedSinceMs, healthy: initial }];
  const transitions = [...older, ...joint, ...now.transitions];
  const dropped = transitions.slice(0, -maxTransitions).at(-1);
  return {
    healthy: now.healthy,
    // What is dropped has not been observed, as far as readers can tell.
    observedSinceMs: dropped?.atMs ?? before.observedSinceMs,
    transitions: transitions.slice(-maxTransitions),
  };
}

const initialState = (h: TargetHealth): boolean => (h.transitions[0] ? !h.transitions[0].healthy : h.healthy);
