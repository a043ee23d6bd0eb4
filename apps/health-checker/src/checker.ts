import type { ProbeTarget } from '@tsgateway/model';
import { NameLookup } from '@tsgateway/process';
import { Lane } from './lane.ts';
import { failureOf } from './probe/failure.ts';
import { proberFor } from './probe/prober-for.ts';
import type { Prober } from './probe/prober.ts';
import { observe, type ProbeResult, type TargetState, unknownState } from './threshold.ts';

export interface CheckerOptions {
  /** The state that others should know is different: first known, or turned. Called in the turn of the result. */
  readonly onChange: (target: ProbeTarget, state: TargetState) => void;
  readonly onRemoved: (target: ProbeTarget) => void;
  /** Every result, for metrics. */
  readonly onResult: (target: ProbeTarget, result: ProbeResult) => void;
  readonly proberFor?: (target: ProbeTarget) => Prober;
  /** In [0, 1): where in its interval a target's first probe falls. */
  readonly random?: () => number;
}

interface Checked {
  target: ProbeTarget;
  readonly prober: Prober;
  state: TargetState;
  removed: boolean;
  /** Until the next probe. */
  timer: NodeJS.Timeout | undefined;
  /** Ends the probe that runs. */
  probing: AbortController | undefined;
}

/** Probes that start side by side. One without an answer for so long makes room for another. */
const answering = { width: 1000, patienceMs: 100 };
/** Probes at a time of targets whose last probe timed out: they wait for each other, never others for them. */
const silent = { width: 1000 };

/**
 * Probes each target at its interval, from start to start, the first time at a random instant of it. Every probe ends
 * by the target's timeout.
 */
export class Checker {
  readonly #options: CheckerOptions;
  readonly #checked = new Map<string, Checked>();
  readonly #lane = new Lane(answering);
  readonly #silentLane = new Lane(silent);
  readonly #names = new NameLookup();

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /** Probes these targets from now on, and no others. What is known of a target that stays is kept. */
  set(targets: ReadonlyMap<string, ProbeTarget>): void {
    for (const [id, checked] of this.#checked) {
      if (targets.has(id)) continue;
      this.#checked.delete(id);
      this.#remove(checked);
      this.#options.onRemoved(checked.target);
    }
    for (const [id, target] of targets) {
      const checked = this.#checked.get(id);
      if (checked) checked.target = target;
      else this.#add(id, target);
    }
  }

  /** What is known of each target. */
  *states(): Generator<[ProbeTarget, TargetState]> {
    for (const { target, state } of this.#checked.values()) yield [target, state];
  }

  close(): void {
    this.set(new Map());
  }

  #add(id: string, target: ProbeTarget): void {
    const { proberFor: make = (each) => proberFor(each, this.#names.forSockets), random = Math.random } = this.#options;
    const unprobed = { state: unknownState, removed: false, timer: undefined, probing: undefined };
    const checked: Checked = { target, prober: make(target), ...unprobed };
    this.#checked.set(id, checked);
    this.#schedule(checked, random() * target.intervalMs);
  }

  #remove(checked: Checked): void {
    checked.removed = true;
    clearTimeout(checked.timer);
    checked.probing?.abort();
    void checked.prober.close();
  }

  #schedule(checked: Checked, inMs: number): void {
    checked.timer = setTimeout(() => void this.#turn(checked), Math.max(0, inMs));
  }

  async #turn(checked: Checked): Promise<void> {
    const { failures, recentFailures } = checked.state;
    const timedOut = failures > 0 && recentFailures.at(-1)?.errorType === 'Timeout';
    const startedAt = await (timedOut ? this.#silentLane : this.#lane).run(() => this.#probe(checked));
    if (!checked.removed) this.#schedule(checked, startedAt + checked.target.intervalMs - performance.now());
  }

  /** @returns when it began, by `performance.now`. */
  async #probe(checked: Checked): Promise<number> {
    const { target, prober } = checked;
    const startedAt = performance.now();
    // Removed while it waited for its place.
    if (checked.removed) return startedAt;
    const probing = new AbortController();
    const deadline = setTimeout(
      () => probing.abort(new DOMException(`no answer within ${target.timeoutMs} ms`, 'TimeoutError')),
      target.timeoutMs,
    );
    checked.probing = probing;
    const failure = await prober.probe(probing.signal).catch(failureOf);
    clearTimeout(deadline);
    checked.probing = undefined;
    if (checked.removed) return startedAt;
    const result: ProbeResult = { atMs: Date.now(), durationMs: performance.now() - startedAt, failure };
    const before = checked.state;
    checked.state = observe(before, result, target);
    this.#options.onResult(target, result);
    if (checked.state.healthy !== before.healthy) this.#options.onChange(target, checked.state);
    return startedAt;
  }
}
