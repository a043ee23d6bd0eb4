import type { Bench } from './bench.ts';
import type { MeasureId } from './goals.ts';

/** One of P1..P12: what is compared, and in which unit. Its goals stand in `goals.ts`. */
export interface Measure {
  readonly id: MeasureId;
  readonly title: string;
  /** One sentence: what is done, and what is counted. */
  readonly what: string;
  readonly unit: string;
  /** Series in another unit than the measure's. */
  readonly units?: Readonly<Record<string, string>>;
  /** What one repeat does, for people: "2,000 calls". */
  readonly n: string;
  /** Pairs of series that are divided within each repeat: [of, over]. */
  readonly ratios: readonly (readonly [of: string, over: string])[];
}

/** By measure, then by series (a peer, mostly); an error: this measure alone has failed. */
export type Sample = Partial<Record<MeasureId, Readonly<Record<string, number>> | Error>>;

/** What is measured together, because the same calls answer several measures. */
export interface Experiment {
  readonly measures: readonly Measure[];
  /** Its client or one of its peers is a Go program. */
  readonly needsGo: boolean;
  /**
   * Prepares, and returns what one repeat does: all peers, one after the other.
   *
   * @throws Error when anything but success was answered: then the measure has failed.
   */
  start(bench: Bench): Promise<(repeat: number) => Promise<Sample>>;
}
