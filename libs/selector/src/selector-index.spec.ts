import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { SelectorIndex } from './selector-index.ts';
import type { MatchChange, ScopedLabels, ScopedSelector } from './selector-index.ts';
import { compileSelector } from './selector.ts';
import type { LabelSelector, Selector } from './selector.ts';

const compiled = (selector: LabelSelector): Selector => {
  const result = compileSelector(selector);
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.selector;
};

/** The same answers, by asking every selector about every object. */
class NaiveIndex {
  readonly selectors = new Map<string, ScopedSelector>();
  readonly objects = new Map<string, ScopedLabels>();

  matchesOf(selectorId: string): string[] {
    const s = this.selectors.get(selectorId);
    return [...this.objects]
      .filter(([, o]) => s?.scope === o.scope && s.selector.matches(o.labels))
      .map(([id]) => id)
      .sort();
  }

  selectorsOf(objectId: string): string[] {
    return [...this.selectors.keys()].filter((id) => this.matchesOf(id).includes(objectId)).sort();
  }
}

type Operation =
  | { readonly do: 'setSelector'; readonly id: string; readonly scope: string; readonly selector: LabelSelector }
  | { readonly do: 'setObject'; readonly id: string; readonly scope: string; readonly labels: Record<string, string> }
  | { readonly do: 'removeSelector' | 'removeObject'; readonly id: string };

const key = fc.constantFrom('app', 'env', 'constructor');
const value = fc.constantFrom('', 'a', 'b', 'c');
const scope = fc.constantFrom('north', 'north', 'south');
const expression = fc.oneof(
  fc.record({
    key,
    operator: fc.constantFrom('In', 'In', 'NotIn'),
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
);
const selector = fc.record({
  matchLabels: fc.dictionary(key, value, { maxKeys: 2 }),
  matchExpressions: fc.array(expression, { maxLength: 2 }),
});
const selectorId = fc.constantFrom('s1', 's2', 's3', 's4');
// An id of a selector may be an object's too.
const objectId = fc.constantFrom('o1', 'o2', 'o3', 'o4', 's1');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('setSelector' as const), id: selectorId, scope, selector }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('setObject' as const),
      id: objectId,
      scope,
      labels: fc.dictionary(key, value, { maxKeys: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeSelector' as const), id: selectorId }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('removeObject' as const), id: objectId }) },
);

/** Does the same to both; the change by the index, and what the naive one holds of the other side before and after. */
function apply(op: Operation, { index, naive }: { index: SelectorIndex; naive: NaiveIndex }) {
  const sideOf = (): string[] => (op.do.endsWith('Selector') ? naive.matchesOf(op.id) : naive.selectorsOf(op.id));
  const before = sideOf();
  let change: MatchChange;
  switch (op.do) {
    case 'setSelector': {
      const entry = { scope: op.scope, selector: compiled(op.selector) };
      naive.selectors.set(op.id, entry);
      change = index.setSelector(op.id, entry);
      break;
    }
    case 'setObject': {
      naive.objects.set(op.id, op);
      change = index.setObject(op.id, op);
      break;
    }
    case 'removeSelector':
      naive.selectors.delete(op.id);
      change = index.removeSelector(op.id);
      break;
    case 'removeObject':
      naive.objects.delete(op.id);
      change = index.removeObject(op.id);
      break;
  }
  return { change, before, after: sideOf() };
}

describe('SelectorIndex', () => {
  it('law: after any operations it answers as the naive index does, and reports exactly what changed', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        const index = new SelectorIndex();
        const naive = new NaiveIndex();
        for (const op of operations) {
          const { change, before, after } = apply(op, { index, naive });
          expect(change).toEqual({
            gained: after.filter((id) => !before.includes(id)),
            lost: before.filter((id) => !after.includes(id)),
          });
        }
        for (const id of ['s1', 's2', 's3', 's4']) expect(index.matchesOf(id)).toEqual(naive.matchesOf(id));
        for (const id of ['o1', 'o2', 'o3', 'o4', 's1']) expect(index.selectorsOf(id)).toEqual(naive.selectorsOf(id));
      }),
      { numRuns: 3000 },
    );
  });

  it('reports who gained and who lost an object', () => {
    const index = new SelectorIndex();
    index.setSelector('a', { scope: 'ns', selector: compiled({ matchLabels: { app: 'a' } }) });
    index.setSelector('b', { scope: 'ns', selector: compiled({ matchLabels: { app: 'b' } }) });
    index.setSelector('elsewhere', { scope: 'other', selector: compiled({}) });
    expect(index.setObject('o', { scope: 'ns', labels: { app: 'a' } })).toEqual({ gained: ['a'], lost: [] });
    expect(index.setObject('o', { scope: 'ns', labels: { app: 'b' } })).toEqual({ gained: ['b'], lost: ['a'] });
    expect(index.setObject('o', { scope: 'other', labels: {} })).toEqual({ gained: ['elsewhere'], lost: ['b'] });
    expect(index.removeObject('o')).toEqual({ gained: [], lost: ['elsewhere'] });
  });

  // Counts instead of a clock: 1,000 services over 10,000 endpoints, ten of each app, all of them in production.
  describe.each(['selectors', 'objects'])('with many, when the %s come first', (first) => {
    const asked = { count: 0 };
    const counting = (selector: Selector): Selector => ({
      ...selector,
      matches: (labels) => {
        asked.count++;
        return selector.matches(labels);
      },
    });
    const index = new SelectorIndex();
    const steps = {
      selectors: () => {
        for (let i = 0; i < 1000; i++) {
          const matchLabels = { env: 'prod', app: `app-${i}` };
          index.setSelector(`s${i}`, { scope: 'ns', selector: counting(compiled({ matchLabels })) });
        }
      },
      objects: () => {
        for (let i = 0; i < 10_000; i++) {
          index.setObject(`o${i}`, { scope: 'ns', labels: { env: 'prod', app: `app-${i % 1000}` } });
        }
      },
    };

    it('one event asks few selectors, one selector few objects', () => {
      for (const step of first === 'selectors' ? [steps.selectors, steps.objects] : [steps.objects, steps.selectors]) {
        step();
      }
      asked.count = 0;
      expect(index.setObject('o7', { scope: 'ns', labels: { env: 'prod', app: 'app-8' } })).toEqual({
        gained: ['s8'],
        lost: ['s7'],
      });
      expect(asked.count).toBeLessThan(10);

      asked.count = 0;
      const selector = counting(compiled({ matchLabels: { env: 'prod', app: 'app-3' } }));
      expect(index.setSelector('new', { scope: 'ns', selector }).gained).toHaveLength(10);
      expect(asked.count).toBe(10);
    });

    it('an event that leaves the labels as they are asks nobody', () => {
      asked.count = 0;
      index.setObject('o9', { scope: 'ns', labels: { app: 'app-9', env: 'prod' } });
      expect(asked.count).toBe(0);
    });
  });
});
