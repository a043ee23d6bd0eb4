import type { Condition, KindName, ObjectOf } from '@tsgateway/api';
import { checked } from '../catalog/checked.ts';
import { conditionsOf, timestamp, type Finding } from '../status/conditions.ts';
import type { Decision } from './status-reconciler.ts';

/**
 * The status of a kind that is validated but not acted upon yet: it says both. Other fields of the status are left as
 * they are.
 */
export function decideAcceptance<K extends KindName>(options: {
  readonly kind: K;
  /** What is not applied yet, a sentence. */
  readonly notYet: string;
  /** What else there is to say of a valid one. */
  readonly more?: (object: ObjectOf<K>) => readonly Finding[];
  readonly now: () => number;
}) {
  const { kind, notYet, more, now } = options;
  type Status = { conditions?: Condition[] | undefined };
  return (object: ObjectOf<K> & { status?: Status | undefined }): Promise<Decision<Status>> => {
    const result = checked(kind, object);
    const findings: Finding[] = result.ok
      ? [
          { type: 'Ready', status: 'False', reason: 'NotSupported', message: notYet },
          { type: 'Accepted', status: 'True', reason: 'Accepted', message: `The spec is valid. ${notYet}` },
          ...(more?.(result.object) ?? []),
        ]
      : [
          { type: 'Ready', status: 'False', reason: 'NotAccepted', message: 'The spec is not accepted: see Accepted.' },
          { type: 'Accepted', status: 'False', reason: 'Invalid', message: result.problem.message },
        ];
    const conditions = conditionsOf(findings, {
      previous: object.status?.conditions,
      generation: object.metadata.generation ?? 0,
      now: timestamp(now()),
    });
    return Promise.resolve({ status: { ...object.status, conditions } });
  };
}
