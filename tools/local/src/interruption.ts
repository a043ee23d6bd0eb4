/** Somebody asked for the end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** As a shell has it: 128 and the signal's number. */
  readonly exitCode: number;

  constructor(signal: InterruptingSignal) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + signals[signal];
  }
}

export type InterruptingSignal = keyof typeof signals;

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Of one Ctrl-C: the terminal signals us, and so does npm, which got the signal too. */
const sameGestureMs = 500;

export interface InterruptionOptions {
  /** The first signal. */
  readonly onFirst: (why: Interrupted) => void;
  /** Each later one: whoever sends it does not want to wait any more. */
  readonly onAgain: () => void;
  /** Ms; for specs. */
  readonly now?: () => number;
}

/** Calls back on SIGINT, SIGTERM and SIGHUP, and when nobody reads our output any more. Never undone: until we end. */
export function onInterruption(source: NodeJS.Process, options: InterruptionOptions): void {
  const { onFirst, onAgain, now = () => performance.now() } = options;
  let firstAt: number | undefined;
  const interrupted = (signal: InterruptingSignal) => {
    if (firstAt === undefined) {
      firstAt = now();
      onFirst(new Interrupted(signal));
    } else if (now() - firstAt > sameGestureMs) {
      onAgain();
    }
  };
  for (const signal of Object.keys(signals) as InterruptingSignal[]) source.on(signal, () => interrupted(signal));
  // The terminal was closed, or the reader of a pipe has gone. Without a listener it would end us on the spot.
  source.stdout.on('error', () => interrupted('SIGHUP'));
  source.stderr.on('error', () => interrupted('SIGHUP'));
}
