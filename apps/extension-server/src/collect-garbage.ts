import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives the memory of large messages back. V8 collects when a program asks for more, and one that has nothing to do
 * asks for nothing: several times the message would stay until the next one. Call it when such a message is done with;
 * the collection, some ten milliseconds, comes once none has been for `quietMs`.
 */
export function collectGarbageAfter(quietMs: number): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(collect, quietMs).unref();
  };
}
