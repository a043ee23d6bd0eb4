/** What a level is given by whoever starts or stops it. `State` is JSON: another process reads it to stop what this one started. */
export interface LevelContext<State> {
  /** Of the cluster, mode 0700; everything that is written is below it. */
  readonly dir: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** Writes the state so far. Called as soon as something has been started that outlives this process. */
  readonly save: (state: State) => Promise<void>;
}

/** One line of `status`. */
export interface PartStatus {
  readonly name: string;
  readonly pid: number | undefined;
  /** `ok`, or what is wrong with it in one line. */
  readonly health: string;
  readonly version: string;
}
