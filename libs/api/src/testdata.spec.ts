import { describe, expect, it } from '@jest/globals';

import { customResourceDefinition } from './custom-resource-definition.ts';
import { kinds } from './kinds.ts';
import type { KindName } from './kinds.ts';
import { admission } from './testing/api-server.ts';
import { fixtures } from './testing/fixtures.ts';
import { validate } from './validate.ts';

const kindNames = Object.keys(kinds) as KindName[];

describe.each(kindNames)('manifests of %s', (kind) => {
  const admit = admission(customResourceDefinition(kinds[kind]));

  it.each(fixtures(kind, 'valid').map((f) => [f.name, f] as const))('valid: %s', (_, { object }) => {
    const ours = validate(kind, object, { unknownFields: 'reject' });
    expect(ours).toMatchObject({ ok: true });
    const theirs = admit(object);
    expect(theirs).toMatchObject({ ok: true });
    // The same defaults, too.
    expect(ours.ok && withoutMetadata(ours.value)).toEqual(theirs.ok && withoutMetadata(theirs.stored));
  });

  it.each(fixtures(kind, 'invalid').map((f) => [f.name, f] as const))('invalid: %s', (_, { object, expected }) => {
    expect(expected.path).not.toBe('');
    expect(expected.message).not.toBe('');
    const ours = validate(kind, object);
    expect(ours.ok ? [] : ours.errors).toEqual([
      { path: expected.path, message: expect.stringContaining(expected.message) },
    ]);
    const theirs = admit(object);
    const paths = theirs.ok ? [] : theirs.errors.map((e) => e.slice(0, e.indexOf(': ')));
    expect(new Set(paths)).toEqual(new Set([expected.path]));
  });
});

const withoutMetadata = (object: unknown): unknown => ({ ...(object as object), metadata: undefined });
