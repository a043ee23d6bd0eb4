// A service for the specs of runService: what it does at start and at stop comes from its environment.
import { z } from 'zod';

import { runService } from '../index.ts';

await runService({
  name: 'demo',
  env: z.object({
    START: z.enum(['ok', 'throw', 'reject-later', 'throw-later']).default('ok'),
    STOP: z.enum(['ok', 'throw', 'hang']).default('ok'),
  }),
  start: async ({ env, log, signal, ready, onStop }) => {
    ready.add('demo')(true, 'as told');
    onStop('last', () => log.info({ aborted: signal.aborted }, 'last part stopped'));
    onStop('first', () => {
      if (env.STOP === 'throw') throw new Error('cannot stop');
      return env.STOP === 'hang' ? new Promise(() => undefined) : undefined;
    });
    if (env.START === 'throw') throw new Error('cannot start\nat all');
    if (env.START === 'reject-later') setTimeout(() => void Promise.reject(new Error('late')), 1);
    if (env.START === 'throw-later') {
      setTimeout(() => {
        throw new Error('late');
      }, 1);
    }
  },
});
