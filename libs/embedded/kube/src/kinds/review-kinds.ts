import { isObject } from '../object.ts';
import type { JsonObject } from '../object.ts';
import { badRequest } from '../status-error.ts';
import { builtin } from './builtin.ts';
import type { Kind } from './kind.ts';
import { any } from './schema-builder.ts';

const user = { username: 'embedded-admin', uid: 'embedded-admin', groups: ['system:masters', 'system:authenticated'] };

function withStatus(body: JsonObject, status: JsonObject): JsonObject {
  return { metadata: {}, ...body, status };
}

/** Reviews: everything is allowed, one token is known. `token` is undefined where the API needs none. */
export function reviewKinds(): Kind[] {
  const review = (
    group: string,
    kind: string,
    plural: string,
    answer: NonNullable<Kind['answer']>,
    namespaced = false,
  ): Kind => ({
    ...builtin({ group, kind, plural, namespaced, schema: { spec: any, status: any } }),
    answer,
  });
  const allowed = (body: JsonObject): JsonObject => {
    const spec = body['spec'];
    if (!isObject(spec) || (spec['resourceAttributes'] === undefined && spec['nonResourceAttributes'] === undefined)) {
      throw badRequest(
        'spec.resourceAttributes: exactly one of nonResourceAttributes or resourceAttributes must be specified',
      );
    }
    return withStatus(body, { allowed: true, reason: 'the embedded API allows everything' });
  };
  const authorization = 'authorization.k8s.io';
  const authentication = 'authentication.k8s.io';
  return [
    review(authorization, 'SelfSubjectAccessReview', 'selfsubjectaccessreviews', allowed),
    review(authorization, 'SubjectAccessReview', 'subjectaccessreviews', allowed),
    review(authorization, 'LocalSubjectAccessReview', 'localsubjectaccessreviews', allowed, true),
    review(authorization, 'SelfSubjectRulesReview', 'selfsubjectrulesreviews', (body) =>
      withStatus(body, {
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      }),
    ),
    review(authentication, 'SelfSubjectReview', 'selfsubjectreviews', (body) => withStatus(body, { userInfo: user })),
    review(authentication, 'TokenReview', 'tokenreviews', (body, { token }) => {
      const given = isObject(body['spec']) ? body['spec']['token'] : undefined;
      const known = typeof given === 'string' && given !== '' && (token === undefined || given === token);
      const { spec: _, ...rest } = body;
      return withStatus(
        { ...rest, spec: {} },
        known ? { authenticated: true, user } : { authenticated: false, error: 'unknown token' },
      );
    }),
  ];
}
