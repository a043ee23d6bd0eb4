import type { Logger } from './logger.ts';

interface Step {
  readonly name: string;
  readonly run: () => Promise<void> | void;
}

/** What is to be undone at shutdown: last come, first stopped. */
export class StopSequence {
  readonly #steps: Step[] = [];

  add(name: string, run: () => Promise<void> | void): void {
    this.#steps.push({ name, run });
  }

  /**
   * Runs the steps one after the other, newest first, each for at most `deadlineMs`. A step that fails or hangs is
   * logged and does not keep the others from running. Resolves to whether all went well.
   */
  async run(deadlineMs: number, log: Logger): Promise<boolean> {
    let clean = true;
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await within(deadlineMs, step);
      } catch (err) {
        clean = false;
        log.warn({ err, step: step.name }, 'A part did not stop cleanly');
      }
    }
    return clean;
  }
}

async function within(ms: number, step: Step): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${step.name} did not stop within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([step.run(), late]);
  } finally {
    clearTimeout(timer);
  }
}
