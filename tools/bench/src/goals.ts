/** The measures, in the order in which they are reported. */
export const measureIds = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P9', 'P10', 'P11', 'P12'] as const;

export type MeasureId = (typeof measureIds)[number];

export interface Goal {
  /** The ratio (`a / b`) or series whose median counts. */
  readonly value: string;
  readonly most?: number;
  readonly least?: number;
  /** Missing it fails the run. Others are reported. */
  readonly hard: boolean;
}

const ours = 'extension-server';

/** All goals. A hard one is a promise to users; the others are where we want to be, or tell that something moved. */
export const goals: Readonly<Record<MeasureId, readonly Goal[]>> = {
  P1: [
    { value: `${ours} / floor`, most: 2, hard: true },
    { value: `${ours} / floor`, most: 1.25, hard: false },
  ],
  P2: [{ value: `${ours} / floor`, most: 2, hard: false }],
  P3: [{ value: `${ours} / go`, most: 2, hard: false }],
  P4: [{ value: 'ts-proto / splice', least: 100, hard: true }],
  P5: [{ value: `go / ${ours}`, least: 5, hard: true }],
  P6: [{ value: `go / ${ours}`, least: 1, hard: false }],
  P7: [{ value: `go / ${ours}`, least: 5, hard: false }],
  P8: [
    { value: ours, most: 4.5, hard: true },
    { value: ours, most: 1.3, hard: false },
    { value: `${ours} / go`, most: 1, hard: false },
  ],
  P9: [{ value: 'two / one', most: 1.9, hard: true }],
  P10: [
    { value: 'identical / foreign', least: 1, hard: true },
    { value: 'whole / unknown', least: 1, hard: true },
  ],
  P11: [{ value: ours, most: 100, hard: false }],
  P12: [
    { value: 'refusal', most: 100, hard: true },
    { value: 'memory per stream', most: 32, hard: false },
    { value: `${ours} / go`, most: 8, hard: false },
  ],
};

export const isMet = ({ most = Infinity, least = -Infinity }: Goal, median: number): boolean =>
  median <= most && median >= least;
