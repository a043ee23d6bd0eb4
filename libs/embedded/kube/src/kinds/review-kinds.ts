import { isObject } from '../object.ts';
import type { JsonObject } from '../object.ts';
import { invalid } from '../status-error.ts';
import { builtin } from './builtin.ts';
import type { Kind } from './kind.ts';
import { any } from './schema-builder.ts';

const user = { username: 'embedded-admin', uid: 'embedded-admin', groups: ['system:masters', 'system:authenticated'] };

function withStatus(body: JsonObject, status: JsonObject): JsonObject {
  return { metadata: {}, ...body, status };
}

const authorization = 'authorization.k8s.io';
const authentication = 'authentication.k8s.io';

/** Reviews: everything is allowed, one token is known. `token` is undefined where the API needs none. */
export function reviewKinds(): Kind[] {
  const review = (group: string, kind: string, answer: NonNullable<Kind['answer']>): Kind => ({
    ...builtin({
      group,
      kind,
      plural: `${kind.toLowerCase()}s`,
      namespaced: kind.startsWith('Local'),
      schema: { spec: any, status: any },
    }),
    answer,
  });
  const allowed = (body: JsonObject): JsonObject => {
    const spec = body['spec'];
    if (!isObject(spec) || (spec['resourceAttributes'] === undefined && spec['nonResourceAttributes'] === undefined)) {
      throw invalid({ group: authorization, resource: '', name: '' }, [
        {
          field: 'spec.resourceAttributes',
          reason: 'FieldValueInvalid',
          message: 'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
        },
      ]);
    }
    return withStatus(body, { allowed: true });
  };
  return [
    review(authorization, 'SelfSubjectAccessReview', allowed),
    review(authorization, 'SubjectAccessReview', allowed),
    review(authorization, 'LocalSubjectAccessReview', allowed),
    review(authorization, 'SelfSubjectRulesReview', (body) =>
      withStatus(body, {
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      }),
    ),
    review(authentication, 'SelfSubjectReview', (body) => withStatus(body, { userInfo: user })),
    review(authentication, 'TokenReview', (body, { token }) => {
      const given = isObject(body['spec']) ? body['spec']['token'] : undefined;
      const known = typeof given === 'string' && given !== '' && (token === undefined || given === token);
      return withStatus(body, known ? { authenticated: true, user } : { user: {}, error: 'invalid bearer token' });
    }),
  ];
}
