import type { Clock } from './mesh-state.ts';

/** setTimeout waits no longer at a time. */
const maxDelayMs = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  at: (atMs, callback) => {
    let timer: NodeJS.Timeout;
    const wait = () => {
      const left = atMs - Date.now();
      timer = left <= 0 ? setTimeout(callback, 0) : setTimeout(wait, Math.min(Math.ceil(left), maxDelayMs));
    };
    wait();
    return () => clearTimeout(timer);
  },
};
