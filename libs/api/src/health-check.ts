import { z } from 'zod';

import { parseDuration, positiveDuration } from './duration.ts';
import { integer } from './number.ts';
import { withRules } from './rule.ts';
import { urlPath } from './text.ts';

/**
 * How backends are probed. `timeout` may not be longer than `interval`; its default may, so that a short interval
 * can be set alone: who probes cuts the timeout to the interval.
 */
export function healthCheck(defaults: { interval: string; timeout: string }) {
  return withRules(
    z.object({
      enabled: z.boolean().describe('Whether backends are probed. Those that are not count as healthy.').default(true),
      path: urlPath.describe('Path of the GET request. HTTP and HTTPS only.').default('/health'),
      interval: positiveDuration.describe('Time between two probes.').default(defaults.interval),
      timeout: positiveDuration
        .describe('How long an answer may take. Not longer than the interval; the default is cut to it.')
        .default(defaults.timeout),
      healthyThreshold: integer({ min: 1, max: 100 })
        .describe('Successive successes that make an unhealthy backend healthy.')
        .default(2),
      unhealthyThreshold: integer({ min: 1, max: 100 })
        .describe('Successive failures that make a healthy backend unhealthy.')
        .default(3),
    }),
    [
      {
        cel: `self.timeout == '${defaults.timeout}' || duration(self.timeout) <= duration(self.interval)`,
        message: 'must not be longer than interval',
        fieldPath: '.timeout',
        holds: ({ timeout, interval }) =>
          timeout === defaults.timeout || parseDuration(timeout) <= parseDuration(interval),
      },
    ],
  );
}
