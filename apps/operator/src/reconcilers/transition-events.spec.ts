import { expect, it } from '@jest/globals';
import type { Condition } from '@tsgateway/api';
import { services } from '../resources.ts';
import { servicesObject } from '../testing/objects.ts';
import { recordTransitions } from './transition-events.ts';

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: `${type} is ${reason}`,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

function recorded(before: Condition[] | undefined, after: Condition[]) {
  const notes: string[] = [];
  recordTransitions({
    events: { record: (_r, _o, { type, reason, action }) => notes.push(`${type} ${action} ${reason}`) },
    resource: services,
    object: servicesObject('web'),
    before,
    after,
  });
  return notes;
}

it('tells that a new object is ready, and of whatever it is not; not all that is as it should be', () => {
  const after = [
    condition('Ready', 'True', 'Ready'),
    condition('Accepted', 'True', 'Accepted'),
    condition('FailoverConfigured', 'False', 'NoTiers'),
    condition('Programmed', 'Unknown', 'Pending'),
  ];
  expect(recorded(undefined, after)).toEqual(['Normal SetReady Ready', 'Warning SetFailoverConfigured NoTiers']);
  expect(recorded(after, after)).toEqual([]);
});

it('tells of every change, by status or reason', () => {
  const before = [condition('Accepted', 'False', 'Invalid'), condition('Programmed', 'Unknown', 'Pending')];
  const after = [condition('Accepted', 'False', 'SelectorInvalid'), condition('Programmed', 'True', 'Programmed')];
  expect(recorded(before, after)).toEqual(['Warning SetAccepted SelectorInvalid', 'Normal SetProgrammed Programmed']);
});
