import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideDetach, type DetachDecision } from './detach.ts';
import { DERIVED_KEYS } from './derived-view.ts';
import { decideEnsure } from './ensure.ts';
import { entryKey, formatEntry, isActive } from './entry.ts';
import { readRegistry } from './registry.ts';
import type { ServiceRecord } from './service-record.ts';
import { operators, records, T0 } from './testing/arbitraries.ts';

const settleMs = 2000;
const consumer = 'TailscaleServices/default/a';
const leave = { operatorId: 'east', consumer, settleMs };
const spec = { ports: ['tcp:80'], tags: [], comment: '', annotations: {} };

function join(observed: ServiceRecord | undefined, operatorId: string, who = consumer): ServiceRecord {
  const asked = { name: 'svc:web', operatorId, consumer: who, spec, attachOnly: false };
  return decideEnsure(observed, asked, T0).write ?? observed!;
}

function written(decision: DetachDecision): ServiceRecord {
  if (decision.kind !== 'write') throw new Error(`not a write: ${decision.kind}`);
  return decision.record;
}

describe('decideDetach', () => {
  it('deletes what it created, in two phases, as its last user', () => {
    const marked = written(decideDetach(join(undefined, 'east'), leave, T0));

    expect(readRegistry(marked.annotations).entries.get('east')).toMatchObject({ consumers: [], leaving: T0 });
    expect(decideDetach(marked, leave, T0 + 500)).toEqual({ kind: 'wait', ms: 1500 });
    expect(decideDetach(marked, leave, T0 + settleMs)).toEqual({ kind: 'delete' });
    expect(decideDetach(undefined, leave, T0)).toEqual({ kind: 'gone' });
  });

  it('keeps the service when somebody joins between the phases', () => {
    const marked = written(decideDetach(join(undefined, 'east'), leave, T0));
    const rejoined = join(marked, 'west');

    const left = written(decideDetach(rejoined, leave, T0 + settleMs));
    expect(readRegistry(left.annotations)).toMatchObject({ owner: 'west', consumers: [] });
    expect(decideDetach(left, leave, T0 + settleMs)).toEqual({ kind: 'left' });
  });

  it('only shortens its entry while another of its objects uses the service', () => {
    const both = join(join(undefined, 'east'), 'east', 'TailscaleServices/default/b');
    const left = written(decideDetach(both, leave, T0));

    expect(readRegistry(left.annotations).entries.get('east')?.consumers).toEqual(['TailscaleServices/default/b']);
  });

  it('leaves a foreign service as it found it', () => {
    const foreign = { name: 'svc:web', addrs: ['100.64.0.9'], annotations: { note: 'by hand' }, displayName: 'Web' };
    const left = written(decideDetach(join(foreign, 'east'), leave, T0));

    expect(left).toEqual(foreign);
    expect(decideDetach(left, leave, T0)).toEqual({ kind: 'left' });
  });

  it('does not delete what an unreadable entry may be using', () => {
    const service = join(undefined, 'east');
    const newer = { ...service, annotations: { ...service.annotations, [entryKey('west')]: '{"v":2}' } };
    const left = written(decideDetach(newer, leave, T0));

    expect(left.annotations).toMatchObject({ [entryKey('west')]: '{"v":2}' });
    expect(left.annotations).not.toHaveProperty([entryKey('east')]);
  });

  it('begins again when the clock was set back', () => {
    const tombstone = { joined: T0, consumers: [], adopted: false, leaving: T0 + 3_600_000, annotationKeys: [] };
    const observed = { name: 'svc:web', annotations: { [entryKey('east')]: formatEntry(tombstone) } };

    const again = written(decideDetach(observed, leave, T0));
    expect(decideDetach(again, leave, T0 + settleMs)).toEqual({ kind: 'delete' });
  });

  it('law: deletes only what one of ours created, without a user, and loses no entry of others', () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...operators), (observed, operatorId) => {
        const decision = decideDetach(observed, { ...leave, operatorId }, T0);
        const { entries, unreadable } = readRegistry(observed.annotations);
        if (decision.kind === 'delete') {
          expect(entries.get(operatorId)?.adopted).toBe(false);
          expect([...entries.values()].some(isActive)).toBe(false);
          expect(unreadable).toEqual([]);
        }
        if (decision.kind !== 'write') return;
        const own = new Set<string>([entryKey(operatorId), ...Object.values(DERIVED_KEYS)]);
        for (const [key, value] of Object.entries(observed.annotations ?? {})) {
          if (!own.has(key)) expect(decision.record.annotations?.[key]).toBe(value);
        }
        expect({ ...decision.record, annotations: {} }).toEqual({ ...observed, annotations: {} });
      }),
    );
  });

  it('law: ends, whatever it finds', () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...operators), (found, operatorId) => {
        let observed: ServiceRecord | undefined = found;
        let now = T0;
        for (let step = 0; step < 5; step++) {
          const decision = decideDetach(observed, { ...leave, operatorId }, now);
          if (decision.kind === 'left' || decision.kind === 'gone') return;
          if (decision.kind === 'write') observed = decision.record;
          if (decision.kind === 'delete') observed = undefined;
          if (decision.kind === 'wait') now += decision.ms;
        }
        throw new Error('no end after 5 steps');
      }),
    );
  });
});
