import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { customResourceDefinition } from './custom-resource-definition.ts';
import { kinds } from './kinds.ts';
import type { KindName } from './kinds.ts';
import { admission } from './testing/api-server.ts';
import { fixtures } from './testing/fixtures.ts';
import { validate } from './validate.ts';

/** Values that are likely to be at the edge of some rule. */
const edges: unknown[] = [
  null,
  true,
  -1,
  0,
  1,
  2,
  100,
  101,
  65_535,
  65_536,
  2 ** 31,
  0.5,
  '',
  '0s',
  '0',
  '5s',
  '3s',
  '10s',
  '24h',
  '1440m1ns',
  '1m30s',
  '30',
  '/',
  'a',
  'A',
  'a b',
  'a/b',
  '-a',
  'a.b',
  'a_b',
  'a:1',
  'a:0',
  '::',
  '10.0.0.1',
  '10.0.0.256',
  'tag:a',
  'svc:a',
  'tcp:80',
  'HTTP',
  'TCP',
  'In',
  'Exists',
  'Route',
  'Deny',
  'Gateway',
  'Service',
  'failover',
  'é',
  'x'.repeat(64),
  'x'.repeat(5000),
  [],
  ['a'],
  ['a', 'a'],
  {},
  { a: 'b' },
  { 'a b': 'c' },
];

type Path = (string | number)[];

function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([k, v]) => paths(v, [...at, Array.isArray(value) ? Number(k) : k]))];
}

/** A change at one place of an object: replace what is there, remove it, copy it, or add something inside. */
interface Change {
  readonly place: number;
  readonly how: 'replace' | 'remove' | 'copy' | 'add';
  readonly edge: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  place: fc.nat(),
  how: fc.constantFrom('replace', 'remove', 'copy', 'add'),
  edge: fc.constantFrom(...edges),
});

/** The object with a change somewhere in its spec or status. */
function changed(object: object, { place, how, edge }: Change): object {
  const result = structuredClone(object);
  const all = paths(result).filter(([root]) => root === 'spec' || root === 'status');
  const path = all[place % all.length] ?? ['spec'];
  const key = path.at(-1) ?? '';
  let parent = result as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) parent = parent[step] as Record<string, unknown>;
  const value = structuredClone(parent[key]);
  if (how === 'replace' || (how === 'add' && (typeof value !== 'object' || value === null))) {
    parent[key] = structuredClone(edge);
  } else if (how === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else if (how === 'copy') {
    if (Array.isArray(parent)) parent.push(value);
    else parent[`${key}x`] = value;
  } else if (Array.isArray(value)) {
    parent[key] = [...(value as unknown[]), structuredClone(edge)];
  } else {
    parent[key] = { ...(value as object), [String(edge)]: structuredClone(edge) };
  }
  return result;
}

function withoutNulls(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, v: unknown) => v ?? undefined) as unknown;
}

describe.each(Object.keys(kinds) as KindName[])('%s', (kind) => {
  it('is judged and defaulted alike by zod and by the CRD, whatever is done to it', () => {
    const admit = admission(customResourceDefinition(kinds[kind]));
    const seeds = fixtures(kind, 'valid').map((f) => f.object as object);
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 4 }), (seed, changes) => {
        const object = changes.reduce(changed, seed);
        const ours = validate(kind, object);
        const theirs = admit(object);
        expect({ ok: ours.ok, object, ours, theirs }).toMatchObject({ ok: theirs.ok });
        // A null in what is passed on as it is stays in the API server; here it is dropped, as everywhere.
        if (ours.ok && theirs.ok) expect(ours.value).toMatchObject(withoutNulls(theirs.stored) as object);
      }),
      { numRuns: 400 },
    );
  });
});
