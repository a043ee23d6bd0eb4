import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideEnsure, type EnsureRequest, type EnsureResult } from './ensure.ts';
import { entryKey, formatEntry } from './entry.ts';
import { DERIVED_KEYS } from './derived-view.ts';
import type { ServiceRecord } from './service-record.ts';
import { operators, records, requests, T0 } from './testing/arbitraries.ts';

const request = (over: Partial<EnsureRequest> = {}): EnsureRequest => ({
  name: 'svc:web',
  operatorId: 'east',
  consumer: 'TailscaleServices/default/web',
  spec: { ports: ['tcp:80'], tags: ['tag:web'], comment: 'web', annotations: { team: 'backend' } },
  attachOnly: false,
  ...over,
});

type Joined = Extract<EnsureResult, { kind: 'joined' }>;

function joined(result: EnsureResult): Joined {
  if (result.kind !== 'joined') throw new Error(`not joined: ${result.kind}`);
  return result;
}

/** The service after `decide` has been applied to it. */
function apply(observed: ServiceRecord | undefined, asked: EnsureRequest, nowMs: number): ServiceRecord | undefined {
  return decideEnsure(observed, asked, nowMs).write ?? observed;
}

describe('decideEnsure', () => {
  it('creates a missing service with the spec, its entry, and the documented annotations', () => {
    const { write, result } = decideEnsure(undefined, request(), T0);

    expect(write).toEqual({
      name: 'svc:web',
      ports: ['tcp:80'],
      tags: ['tag:web'],
      comment: 'web',
      annotations: {
        team: 'backend',
        [entryKey('east')]:
          `{"v":1,"joined":${T0},"consumers":["TailscaleServices/default/web"],"annotations":["team"]}`,
        [DERIVED_KEYS.registry]: '{"ownerOperator":"east","consumerOperators":[],"lastUpdated":"2025-06-25T10:30:00Z"}',
        [DERIVED_KEYS.owner]: 'east',
        [DERIVED_KEYS.consumers]: '0',
        [DERIVED_KEYS.updated]: '2025-06-25T10:30:00Z',
        [DERIVED_KEYS.schema]: 'v2',
      },
    });
    expect(result).toMatchObject({ kind: 'joined', created: true, conflicts: [] });
  });

  it('does not create to attach', () => {
    expect(decideEnsure(undefined, request({ attachOnly: true }), T0)).toEqual({ result: { kind: 'not-found' } });
  });

  it('does not attach to a service whose last user is deleting it, but takes part where it may create', () => {
    const leaving = { joined: T0, consumers: [], adopted: false, leaving: T0, annotationKeys: [] };
    const observed = {
      name: 'svc:web',
      addrs: ['100.64.0.9'],
      annotations: { [entryKey('west')]: formatEntry(leaving) },
    };

    expect(decideEnsure(observed, request({ attachOnly: true }), T0).result.kind).toBe('not-found');
    expect(joined(decideEnsure(observed, request(), T0).result).registry.owner).toBe('east');
  });

  it('joins a foreign service without owning it or touching what it is', () => {
    const foreign: ServiceRecord = {
      name: 'svc:web',
      addrs: ['100.64.0.9'],
      ports: ['tcp:443'],
      tags: ['tag:theirs'],
      comment: 'by hand',
      annotations: { 'tailscale.com/owner-references': '{}' },
      displayName: 'Web',
    };
    const { write, result } = decideEnsure(foreign, request(), T0);

    expect(write).toMatchObject({ ...foreign, annotations: foreign.annotations });
    expect(joined(result)).toMatchObject({
      created: false,
      conflicts: ['ports', 'tags', 'comment', 'annotations'],
      membership: { adopted: true },
      registry: { owner: undefined, consumers: ['east'] },
    });
  });

  it('lets the second operator consume, and tells it what differs', () => {
    const first = apply(undefined, request(), T0);
    const { write, result } = decideEnsure(
      first,
      request({ operatorId: 'west', spec: { ...request().spec, ports: ['tcp:81'] } }),
      // Its clock is behind: it still does not become the owner.
      T0 - 60_000,
    );

    expect(write?.ports).toEqual(['tcp:80']);
    expect(joined(result).conflicts).toEqual(['ports']);
    expect(joined(result).registry).toMatchObject({ owner: 'east', consumers: ['west'] });
  });

  it('takes back an annotation that its user dropped, and no other', () => {
    const first = apply(undefined, request(), T0)!;
    const withForeign = { ...first, annotations: { ...first.annotations, note: 'by hand' } };
    const { write } = decideEnsure(withForeign, request({ spec: { ...request().spec, annotations: {} } }), T0);

    expect(write?.annotations).not.toHaveProperty('team');
    expect(write?.annotations).toHaveProperty('note', 'by hand');
  });

  it('comes back as what it was when its annotations were wiped', () => {
    const addrs = ['100.64.0.9', 'fd7a:115c:a1e0::9'];
    const remembered = { joined: T0, adopted: false, addrs };
    const wiped = { name: 'svc:web', addrs, ports: ['tcp:80'] };

    const back = joined(decideEnsure(wiped, request({ remembered }), T0 + 5000).result);
    expect(back.registry.owner).toBe('east');
    expect(back.membership).toEqual({ joined: T0, adopted: false, addrs });

    const replaced = { ...wiped, addrs: ['100.64.0.10'] };
    expect(joined(decideEnsure(replaced, request({ remembered }), T0).result).membership.adopted).toBe(true);
  });

  it('asks for its IPv4 again when it has to create again', () => {
    const remembered = { joined: T0, adopted: false, addrs: ['100.64.0.9', 'fd7a:115c:a1e0::9'] };
    expect(decideEnsure(undefined, request({ remembered }), T0).write?.addrs).toEqual(['100.64.0.9']);
  });

  it('law: no write loses or changes anything that is not its own', () => {
    fc.assert(
      fc.property(records, requests, (observed, asked) => {
        const { write } = decideEnsure(observed, asked, T0);
        if (write === undefined) return;
        const mine = new Set<string>([
          entryKey(asked.operatorId),
          ...Object.values(DERIVED_KEYS),
          ...Object.keys(asked.spec.annotations),
        ]);
        for (const [key, value] of Object.entries(observed.annotations ?? {})) {
          // A reserved key among the user's annotations is ignored, so it stays as well.
          const keep = !mine.has(key) || (key.includes('/operator.') && key !== entryKey(asked.operatorId));
          if (keep && !key.startsWith('user')) expect(write.annotations?.[key]).toBe(value);
        }
        expect(write['displayName']).toBe(observed['displayName']);
        expect(write.addrs).toEqual(observed.addrs);
      }),
    );
  });

  it('law: asking again on the result writes nothing', () => {
    fc.assert(
      fc.property(fc.option(records, { nil: undefined }), requests, (observed, asked) => {
        const after = apply(observed, asked, T0);
        expect(decideEnsure(after, asked, T0 + 1).write).toBeUndefined();
      }),
    );
  });

  it('law: several objects and operators settle on one spec, one owner, and no more writes', () => {
    fc.assert(
      fc.property(fc.array(requests, { minLength: 1, maxLength: 6 }), (asked) => {
        // One request per (operator, object): an object has one spec at a time.
        const distinct = [...new Map(asked.map((r) => [`${r.operatorId} ${r.consumer}`, r])).values()].map((r) => ({
          ...r,
          attachOnly: false,
        }));
        let service: ServiceRecord | undefined;
        for (const r of [...distinct, ...distinct]) service = apply(service, r, T0);
        const owners = new Set<string | undefined>();
        for (const r of distinct) {
          const { write, result } = decideEnsure(service, r, T0 + 1);
          expect(write).toBeUndefined();
          owners.add(joined(result).registry.owner);
        }
        expect(owners.size).toBe(1);
        expect(operators).toContain([...owners][0]);
      }),
    );
  });
});
