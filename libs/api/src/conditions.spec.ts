import { expect, it } from '@jest/globals';

import { condition } from './condition.ts';
import { conditionReasons } from './conditions.ts';

const reasons = Object.entries(conditionReasons).flatMap(([kind, types]) =>
  Object.entries(types).flatMap(([type, table]) =>
    Object.entries(table).map(([key, reason]) => ({ kind, type, key, reason })),
  ),
);

it.each(reasons)('$kind $type $reason fits into a condition', ({ type, key, reason }) => {
  expect(reason).toBe(key);
  const value = { type, reason, status: 'True', message: '', lastTransitionTime: '2025-06-25T10:25:00Z' };
  expect(condition.safeParse(value).success).toBe(true);
});
