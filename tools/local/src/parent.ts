// What the child processes of the local run share: tell the parent, and end with it.

export interface ParentLink {
  tell(message: object): void;
  onMessage(handler: (message: Record<string, unknown>) => void): void;
}

/** Runs `main`; tells the parent of an error; calls what `main` returns when the parent stops us or goes away. */
export function runChild(main: (parent: ParentLink) => Promise<() => Promise<void>>): void {
  const link: ParentLink = {
    tell: (message) => {
      if (process.connected) process.send?.(message);
    },
    onMessage: (handler) => process.on('message', handler),
  };
  let stopping: Promise<void> | undefined;
  main(link).then(
    (close) => {
      const stop = () => {
        stopping ??= close().then(
          () => process.exit(0),
          () => process.exit(1),
        );
      };
      process.on('SIGTERM', stop);
      process.on('disconnect', stop);
    },
    (error: unknown) => {
      console.error(error);
      link.tell({ error: error instanceof Error ? error.message : String(error) });
      process.exit(1);
    },
  );
}
