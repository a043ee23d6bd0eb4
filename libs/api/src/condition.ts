import { z } from 'zod';

import { mapListOf } from './collection.ts';
import { timestamp } from './text.ts';

/** metav1.Condition. */
export const condition = z.object({
  type: z
    .string()
    .max(316)
    .regex(
      /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/,
      'must be the type of a condition, such as Ready',
    )
    .describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/, 'must be one word, such as AllBackendsUnhealthy')
    .describe('Why, in one word for programs.'),
  message: z.string().max(32_768).describe('Why, in a sentence for people.'),
  lastTransitionTime: timestamp.describe('When the status last changed.'),
  observedGeneration: z
    .int()
    .min(0)
    .describe('The generation of the object that this was found for.')
    .meta({ format: 'int64' })
    .optional(),
});

export type Condition = z.output<typeof condition>;

/** The `conditions` of a status. */
export const conditions = mapListOf(condition, { keys: ['type'], max: 16 })
  .describe('What the operator found, by type.')
  .optional();
