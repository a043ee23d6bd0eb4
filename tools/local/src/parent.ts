// What the child processes of the local run share: tell the parent, and end with it.

export interface ParentLink {
  tell(message: object): void;
  onMessage(handler: (message: Record<string, unknown>) => void): void;
}

/** For what `main` cleans up when it is stopped before it is done. */
const unfinishedGraceMs = 1000;

/** Runs `main`; tells the parent of an error; calls what `main` returns when the parent stops us or goes away. */
export function runChild(main: (parent: ParentLink) => Promise<() => Promise<void>>): void {
  const link: ParentLink = {
    tell: (message) => {
      if (process.connected) process.send?.(message);
    },
    onMessage: (handler) => process.on('message', handler),
  };
  let close: (() => Promise<void>) | undefined;
  let stopping = false;
  const end = () => {
    void close?.().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  // From the first moment on: what has been started by then (Envoy) must not be left behind.
  const stop = () => {
    if (stopping) process.exit(1); // told twice: now
    stopping = true;
    if (close) end();
    else setTimeout(() => close ?? process.exit(1), unfinishedGraceMs);
  };
  process.on('SIGTERM', stop);
  process.on('disconnect', stop);
  main(link).then(
    (started) => {
      close = started;
      if (stopping) end();
    },
    (error: unknown) => {
      console.error(error);
      link.tell({ error: error instanceof Error ? error.message : String(error) });
      process.exit(1);
    },
  );
}
