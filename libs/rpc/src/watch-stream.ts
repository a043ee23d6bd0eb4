import { status } from '@grpc/grpc-js';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import type { Logger } from '@tsgateway/process';

import { Backoff } from './backoff.ts';

export interface WatchStreamOptions<T> {
  /** Names the stream in logs: "model of operator:5010". */
  readonly name: string;
  /** Starts the call. It must have no deadline. */
  readonly open: () => ClientReadableStream<T>;
  /** If it throws, the stream is reopened, with backoff: the next one starts with a whole snapshot. */
  readonly onMessage: (message: T) => void;
  /**
   * true with the first message of a stream, false when it is lost; only changes are told. A stream that the server
   * ends in good order is opened again without a word.
   */
  readonly onState?: (connected: boolean) => void;
  readonly log: Logger;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Keeps a server stream open until the signal aborts: reopens it after 50 ms to 5 s, jittered, and at once-ish again
 * after any message that was taken. A peer that is silent because it is gone is noticed by the channel's keepalive (see
 * `clientOptions`); one that is silent because nothing changes is left alone.
 */
export function watchStream<T>(options: WatchStreamOptions<T>): void {
  const { name, log, signal } = options;
  const backoff = new Backoff({ minMs: 50, maxMs: 5_000 });
  let connected: boolean | undefined;
  let timer: NodeJS.Timeout | undefined;
  let current: ClientReadableStream<T> | undefined;

  const tell = (now: boolean, problem?: string): void => {
    if (connected === now) return;
    connected = now;
    if (now) log.info({ stream: name }, 'Stream connected');
    else log.warn({ stream: name, problem }, 'Stream lost, reconnecting');
    options.onState?.(now);
  };

  const connect = (): void => {
    if (signal.aborted) return;
    let stream: ClientReadableStream<T>;
    try {
      stream = options.open();
    } catch (err) {
      log.error({ stream: name, err }, 'Stream cannot be opened');
      reconnect(String(err));
      return;
    }
    current = stream;
    let over = false;
    let taken = false;
    const end = (problem: string | undefined): void => {
      if (over) return;
      over = true;
      reconnect(problem);
    };
    stream.on('data', (message: T) => {
      if (over || signal.aborted) return;
      try {
        options.onMessage(message);
      } catch (err) {
        log.error({ stream: name, err }, 'Message refused, opening the stream anew');
        stream.cancel();
        end('message refused');
        return;
      }
      taken = true;
      backoff.reset();
      tell(true);
    });
    stream.on('error', (error: ServiceError) => end(`${status[error.code] ?? 'error'}: ${error.details}`));
    // In good order: an old connection's streams are moved to a new one. Not lost unless that fails.
    stream.on('end', () => end(taken ? undefined : 'ended by the server'));
  };

  const reconnect = (problem: string | undefined): void => {
    if (signal.aborted) return;
    if (problem !== undefined) tell(false, problem);
    timer = setTimeout(connect, backoff.next());
  };

  signal.addEventListener(
    'abort',
    () => {
      clearTimeout(timer);
      current?.cancel();
    },
    { once: true },
  );
  connect();
}
