import { z } from 'zod';

import { listOf, mapOf } from './collection.ts';
import { withRules } from './rule.ts';
import type { Rule } from './rule.ts';
import { LABEL_KEY, labelKey, labelValue } from './text.ts';

/** Operators of a requirement. */
export const selectorOperator = z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']);

interface Requirement {
  operator: z.output<typeof selectorOperator>;
  values?: string[] | undefined;
}

const comparesValues = (r: Requirement): boolean => r.operator === 'In' || r.operator === 'NotIn';

/** What Kubernetes asks of every requirement. */
export const requirementRules: Rule<Requirement>[] = [
  {
    cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : true",
    message: 'must not be empty where operator is In or NotIn',
    fieldPath: '.values',
    holds: (r) => !comparesValues(r) || (r.values ?? []).length > 0,
  },
  {
    cel: "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) || size(self.values) == 0 : true",
    message: 'must be empty where operator is Exists or DoesNotExist',
    fieldPath: '.values',
    holds: (r) => comparesValues(r) || (r.values ?? []).length === 0,
  },
];

const LABEL_KEY_RE = new RegExp(LABEL_KEY);

const requirement = withRules(
  z.object({
    key: labelKey.describe('Label that is looked at.'),
    operator: selectorOperator.describe(
      'How the label is compared with the values. NotIn also matches where it is missing.',
    ),
    values: listOf(labelValue, { max: 64 })
      .describe('Values for In and NotIn; none for Exists and DoesNotExist.')
      .optional(),
  }),
  requirementRules,
);

/** Labels as a map; keys and values have Kubernetes' form. */
export const labelMap = withRules(mapOf(labelValue, { max: 64 }), [
  {
    cel: `self.all(key, size(key) <= 317 && key.matches('${LABEL_KEY.replaceAll('\\', '\\\\')}'))`,
    message: 'keys must be label keys, such as region or example.com/region',
    holds: (map) => Object.keys(map).every((key) => key.length <= 317 && LABEL_KEY_RE.test(key)),
  },
]);

/** metav1.LabelSelector. An empty one selects everything, as in Kubernetes. */
export const labelSelector = z.object({
  matchLabels: labelMap.describe('Labels that must all be there with these values.').optional(),
  matchExpressions: listOf(requirement, { max: 32 }).describe('Requirements that must all hold.').optional(),
});
