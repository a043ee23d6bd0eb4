import { ServerInterceptingCall, ServerListenerBuilder } from '@grpc/grpc-js';
import type { ServerInterceptor } from '@grpc/grpc-js';

export interface OneAtATimeOptions {
  /** Paths of the unary methods that take turns: "/package.Service/Method". They take serialized requests. */
  readonly paths: ReadonlySet<string>;
  /** A request up to this size gives its turn away as soon as it was received. */
  readonly smallBytes: number;
  /** A turn lasts no longer: a client that is stuck halfway must not stop the others. */
  readonly maxTurnMs: number;
  /** A call with a larger request is over. */
  readonly onLargeDone?: () => void;
}

/**
 * Lets calls with large requests take turns, so that two of them do not need twice the memory of one. Only the call
 * whose turn it is, is read; of the others no more arrives than HTTP/2's window, 64 KiB.
 */
export function oneAtATime(options: OneAtATimeOptions): ServerInterceptor {
  const waiting: (() => void)[] = [];
  let taken = false;
  const next = (): void => {
    const start = waiting.shift();
    taken = start !== undefined;
    start?.();
  };

  return (method, call) => {
    // As it is: another layer around it would cost every small call. grpc-js asks for the methods of a call alone.
    if (!options.paths.has(method.path)) return call as ServerInterceptingCall;
    let state: 'waiting' | 'running' | 'over' = 'waiting';
    let timer: NodeJS.Timeout | undefined;
    let begin: () => void = () => undefined;
    const end = (): void => {
      if (state === 'waiting') waiting.splice(waiting.indexOf(begin), 1);
      else if (state === 'running') next();
      state = 'over';
      clearTimeout(timer);
    };
    let alive = false;
    let large = false;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, nextMetadata) => {
        alive = true;
        nextMetadata(metadata);
      })
      .withOnReceiveMessage((message: Uint8Array, nextMessage) => {
        large = message.length > options.smallBytes;
        if (!large) end();
        nextMessage(message);
      })
      // Called at the end of every call, whoever ended it.
      .withOnCancel(() => {
        end();
        if (large) options.onLargeDone?.();
      })
      .build();
    return new ServerInterceptingCall(call, {
      start: (startNext) => {
        begin = () => {
          state = 'running';
          timer = setTimeout(end, options.maxTurnMs).unref();
          startNext(listener);
          // Its client left while it waited: nothing more is heard of it.
          if (!alive) end();
        };
        if (taken) waiting.push(begin);
        else {
          taken = true;
          begin();
        }
      },
    });
  };
}
