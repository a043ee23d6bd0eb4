import type { Condition } from '@tsgateway/api';

/** What was found out about one aspect. Reasons are those of `conditionReasons` of @tsgateway/api. */
export interface Finding {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** The generation that it was found of, where that is not the present one. */
  readonly observedGeneration?: number | undefined;
}

export interface ConditionContext {
  readonly previous: readonly Condition[] | undefined;
  readonly generation: number;
  /** RFC 3339. */
  readonly now: string;
}

/** The longest message that the API takes is longer; nobody reads more. */
const MAX_MESSAGE = 4096;

/** Findings as conditions: `lastTransitionTime` stays where the status of the condition stayed. */
export function conditionsOf(
  findings: readonly Finding[],
  { previous, generation, now }: ConditionContext,
): Condition[] {
  return findings.map(({ type, status, reason, message, observedGeneration = generation }) => {
    const before = previous?.find((c) => c.type === type);
    return {
      type,
      status,
      reason,
      message: message.slice(0, MAX_MESSAGE),
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
      observedGeneration,
    };
  });
}

/** RFC 3339 with seconds, as Kubernetes writes times. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** `lastUpdate` and its like: the time of the last change of anything else in the status. */
export function stampChange<S extends object, F extends keyof S>(options: {
  readonly next: S;
  readonly previous: Partial<S> | undefined;
  readonly field: F;
  readonly now: S[F];
}): S {
  const { next, previous, field, now } = options;
  const before = previous === undefined ? undefined : { ...previous, [field]: undefined };
  const same = before !== undefined && canonical(before) === canonical({ ...next, [field]: undefined });
  return { ...next, [field]: same ? (previous?.[field] ?? now) : now };
}

/** JSON with sorted keys: equal texts are equal values. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );
}
