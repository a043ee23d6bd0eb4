import { pino } from 'pino';

/** Standard output that never blocks the event loop. */
export interface Output {
  write(text: string): void;
  /** Writes what is still buffered; for the last moment of a process. */
  flush(): void;
}

/** A reader that stalls costs lines, not the service: what exceeds this is dropped. */
const maxBufferedBytes = 4 * 1024 * 1024;

export function openStdout(): Output {
  const destination = pino.destination({ dest: 1, sync: false, maxLength: maxBufferedBytes });
  // The reader is gone: nobody is left to tell.
  destination.on('error', () => undefined);
  return {
    write: (text) => {
      destination.write(text);
    },
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // As above, and the process ends anyway.
      }
    },
  };
}
